/// The operation codes of the client protocol (org.apache.zookeeper.ZooDefs.OpCode).
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
    case reconfig = 16
    case checkWatches = 17
    case removeWatches = 18
    case createContainer = 19
    case createTTL = 21
    case multiRead = 22
    case auth = 100
    case setWatches = 101
    case sasl = 102
    case getEphemerals = 103
    case getAllChildrenNumber = 104
    case setWatches2 = 105
    case addWatch = 106
    case whoAmI = 107
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
    /// The client was closed; no server says this.
    case closing = -116
    case sessionMoved = -118
    case notReadOnly = -119
    case noWatcher = -121
    case reconfigDisabled = -123
    case sessionClosedRequiresSASL = -124
    case quotaExceeded = -125
}

/// What a created node is (CreateMode): the flags of a create request.
public enum CreateMode: Int32, Sendable, CaseIterable {
    case persistent = 0
    case ephemeral = 1
    case persistentSequential = 2
    case ephemeralSequential = 3
    /// Goes when its last child has gone.
    case container = 4
    /// Goes when it has no children and was not changed for its time to live.
    case persistentWithTTL = 5
    case persistentSequentialWithTTL = 6

    public var isEphemeral: Bool { self == .ephemeral || self == .ephemeralSequential }
    public var isSequential: Bool {
        self == .persistentSequential || self == .ephemeralSequential || self == .persistentSequentialWithTTL
    }
    public var hasTTL: Bool { self == .persistentWithTTL || self == .persistentSequentialWithTTL }
}

/// What a node lets somebody do (ZooDefs.Perms).
public enum Permission {
    public static let read: Int32 = 1
    public static let write: Int32 = 2
    public static let create: Int32 = 4
    public static let delete: Int32 = 8
    public static let admin: Int32 = 16
    public static let all: Int32 = 31
}

/// What happened to a watched node.
public enum WatchEventType: Int32, Sendable {
    case created = 1
    case deleted = 2
    case dataChanged = 3
    case childrenChanged = 4
}
