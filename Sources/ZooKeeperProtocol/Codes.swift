/// The operation codes of the client protocol that are used here.
public enum OperationCode: Int32, Sendable {
    case create = 1
    case delete = 2
    case exists = 3
    case getData = 4
    case setData = 5
    case getACL = 6
    case setACL = 7
    case getChildren = 8
    case sync = 9
    case ping = 11
    case getChildren2 = 12
    case check = 13
    case multi = 14
    case create2 = 15
    case auth = 100
    case setWatches = 101
    case closeSession = -11
    case error = -1
}

/// The xids that the protocol gives a meaning.
public enum ReservedXID {
    public static let notification: Int32 = -1
    public static let ping: Int32 = -2
    public static let auth: Int32 = -4
    public static let setWatches: Int32 = -8
}

/// Error codes of replies (KeeperException.Code).
public enum ZooKeeperErrorCode: Int32, Sendable, Error {
    case ok = 0
    case systemError = -1
    case runtimeInconsistency = -2
    case connectionLoss = -4
    case marshallingError = -5
    case unimplemented = -6
    case operationTimeout = -7
    case badArguments = -8
    case noNode = -101
    case noAuth = -102
    case badVersion = -103
    case noChildrenForEphemerals = -108
    case nodeExists = -110
    case notEmpty = -111
    case sessionExpired = -112
    case invalidACL = -114
    case authFailed = -115
    case sessionMoved = -118
}

/// What a created node is (CreateMode): the flags of a create request.
public struct CreateMode: Sendable, Equatable {
    public let isEphemeral: Bool
    public let isSequential: Bool

    public init(ephemeral: Bool, sequential: Bool) {
        isEphemeral = ephemeral
        isSequential = sequential
    }

    /// Nil for container and TTL nodes, which this server does not have, and for numbers without meaning.
    public init?(flags: Int32) {
        guard (0...3).contains(flags) else { return nil }
        self.init(ephemeral: flags & 1 != 0, sequential: flags & 2 != 0)
    }

    public var flags: Int32 { (isEphemeral ? 1 : 0) | (isSequential ? 2 : 0) }

    public static let persistent = CreateMode(ephemeral: false, sequential: false)
    public static let ephemeral = CreateMode(ephemeral: true, sequential: false)
    public static let persistentSequential = CreateMode(ephemeral: false, sequential: true)
    public static let ephemeralSequential = CreateMode(ephemeral: true, sequential: true)
}

/// What happened to a watched node.
public enum WatchEventType: Int32, Sendable {
    case created = 1
    case deleted = 2
    case dataChanged = 3
    case childrenChanged = 4
}
