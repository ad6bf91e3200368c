/// The state of a node as clients see it (org.apache.zookeeper.data.Stat, 68 bytes).
public struct Stat: Sendable, Equatable {
    public var czxid: Int64 = 0
    public var mzxid: Int64 = 0
    /// Milliseconds since 1970.
    public var ctime: Int64 = 0
    public var mtime: Int64 = 0
    public var version: Int32 = 0
    public var cversion: Int32 = 0
    public var aversion: Int32 = 0
    public var ephemeralOwner: Int64 = 0
    public var dataLength: Int32 = 0
    public var numChildren: Int32 = 0
    public var pzxid: Int64 = 0

    public init() {}

    public init(from reader: inout JuteReader) throws(JuteError) {
        czxid = try reader.long()
        mzxid = try reader.long()
        ctime = try reader.long()
        mtime = try reader.long()
        version = try reader.int()
        cversion = try reader.int()
        aversion = try reader.int()
        ephemeralOwner = try reader.long()
        dataLength = try reader.int()
        numChildren = try reader.int()
        pzxid = try reader.long()
    }

    public func write(to writer: inout JuteWriter) {
        for value in [czxid, mzxid, ctime, mtime] { writer.long(value) }
        for value in [version, cversion, aversion] { writer.int(value) }
        writer.long(ephemeralOwner)
        writer.int(dataLength)
        writer.int(numChildren)
        writer.long(pzxid)
    }
}

/// One entry of an access control list.
public struct ACL: Sendable, Hashable {
    public let permissions: Int32
    public let scheme: String
    public let id: String

    public init(permissions: Int32, scheme: String, id: String) {
        self.permissions = permissions
        self.scheme = scheme
        self.id = id
    }

    public init(from reader: inout JuteReader) throws(JuteError) {
        permissions = try reader.int()
        // Some clients write an empty text as null.
        scheme = try reader.string() ?? ""
        id = try reader.string() ?? ""
    }

    public func write(to writer: inout JuteWriter) {
        writer.int(permissions)
        writer.string(scheme)
        writer.string(id)
    }

    /// Whoever the creator has proved to be may do everything.
    public static let creatorAll = [ACL(permissions: Permission.all, scheme: "auth", id: "")]
    /// Everybody may read.
    public static let readable = [ACL(permissions: Permission.read, scheme: "world", id: "anyone")]
    /// Everybody may do everything.
    public static let open = [ACL(permissions: Permission.all, scheme: "world", id: "anyone")]
}

/// The first frame of a client.
public struct ConnectRequest: Sendable, Equatable {
    public var lastZxidSeen: Int64 = 0
    /// Milliseconds.
    public var timeout: Int32 = 0
    public var sessionID: Int64 = 0
    public var password: [UInt8] = []
    /// Nil when the client is older than 3.4 and did not send the byte.
    public var readOnly: Bool?

    public init() {}

    public init(from reader: inout JuteReader) throws(JuteError) {
        _ = try reader.int()
        lastZxidSeen = try reader.long()
        timeout = try reader.int()
        sessionID = try reader.long()
        password = try reader.buffer() ?? []
        readOnly = reader.isAtEnd ? nil : try reader.bool()
    }

    public func write(to writer: inout JuteWriter) {
        writer.int(0)
        writer.long(lastZxidSeen)
        writer.int(timeout)
        writer.long(sessionID)
        writer.buffer(password)
        if let readOnly { writer.bool(readOnly) }
    }
}

/// The server's answer to it; session 0 says that the session asked for is over.
public struct ConnectResponse: Sendable, Equatable {
    public var timeout: Int32 = 0
    public var sessionID: Int64 = 0
    public var password = [UInt8](repeating: 0, count: 16)
    public var readOnly: Bool?

    public init() {}

    public init(from reader: inout JuteReader) throws(JuteError) {
        _ = try reader.int()
        timeout = try reader.int()
        sessionID = try reader.long()
        password = try reader.buffer() ?? []
        readOnly = reader.isAtEnd ? nil : try reader.bool()
    }

    public func write(to writer: inout JuteWriter) {
        writer.int(0)
        writer.int(timeout)
        writer.long(sessionID)
        writer.buffer(password)
        if let readOnly { writer.bool(readOnly) }
    }
}

/// What comes before each reply.
public struct ReplyHeader: Sendable, Equatable {
    public let xid: Int32
    public let zxid: Int64
    public let error: Int32

    public init(xid: Int32, zxid: Int64, error: Int32) {
        self.xid = xid
        self.zxid = zxid
        self.error = error
    }

    public init(from reader: inout JuteReader) throws(JuteError) {
        xid = try reader.int()
        zxid = try reader.long()
        error = try reader.int()
    }

    public func write(to writer: inout JuteWriter) {
        writer.int(xid)
        writer.long(zxid)
        writer.int(error)
    }
}

/// What stands between the operations of a multi.
public struct MultiHeader: Sendable, Equatable {
    public let type: Int32
    public let isDone: Bool
    public let error: Int32

    public init(type: Int32, isDone: Bool, error: Int32) {
        self.type = type
        self.isDone = isDone
        self.error = error
    }

    public init(from reader: inout JuteReader) throws(JuteError) {
        type = try reader.int()
        isDone = try reader.bool()
        error = try reader.int()
    }

    public func write(to writer: inout JuteWriter) {
        writer.int(type)
        writer.bool(isDone)
        writer.int(error)
    }

    public static let end = MultiHeader(type: -1, isDone: true, error: -1)
}
