import ZooKeeperProtocol

/// One change of the coordinator's state: what the log holds and what recovery applies again. It is decided, so
/// applying it cannot fail.
enum Transaction: Sendable, Equatable {
    case createSession(id: Int64, timeout: Int32, password: [UInt8])
    case closeSession(id: Int64)
    case create(path: String, data: [UInt8]?, acl: [ACL], kind: ZNodeKind)
    case delete(path: String)
    case setData(path: String, data: [UInt8]?)
    case setACL(path: String, acl: [ACL])
    case multi([Transaction])

    /// The node that is changed; empty for what changes none or several.
    var path: String {
        switch self {
        case .create(let path, _, _, _), .delete(let path), .setData(let path, _), .setACL(let path, _): path
        case .createSession, .closeSession, .multi: ""
        }
    }

    private var tag: UInt8 {
        switch self {
        case .createSession: 1
        case .closeSession: 2
        case .create: 3
        case .delete: 4
        case .setData: 5
        case .setACL: 6
        case .multi: 7
        }
    }

    func write(to writer: inout JuteWriter) {
        writer.byte(tag)
        switch self {
        case .createSession(let id, let timeout, let password):
            writer.long(id)
            writer.int(timeout)
            writer.buffer(password)
        case .closeSession(let id): writer.long(id)
        case .create(let path, let data, let acl, let kind):
            writer.string(path)
            writer.buffer(data)
            writer.vector(acl) { $1.write(to: &$0) }
            kind.write(to: &writer)
        case .delete(let path): writer.string(path)
        case .setData(let path, let data):
            writer.string(path)
            writer.buffer(data)
        case .setACL(let path, let acl):
            writer.string(path)
            writer.vector(acl) { $1.write(to: &$0) }
        case .multi(let transactions): writer.vector(transactions) { $1.write(to: &$0) }
        }
    }

    init(from reader: inout JuteReader, depth: Int = 0) throws(JuteError) {
        switch try reader.byte() {
        case 1:
            let id = try reader.long()
            let timeout = try reader.int()
            self = .createSession(id: id, timeout: timeout, password: try reader.buffer() ?? [])
        case 2: self = .closeSession(id: try reader.long())
        case 3:
            let path = try reader.text()
            let data = try reader.buffer()
            let acl = try reader.vector(ACL.init)
            self = .create(path: path, data: data, acl: acl, kind: try ZNodeKind(from: &reader))
        case 4: self = .delete(path: try reader.text())
        case 5:
            let path = try reader.text()
            self = .setData(path: path, data: try reader.buffer())
        case 6:
            let path = try reader.text()
            self = .setACL(path: path, acl: try reader.vector(ACL.init))
        case 7 where depth == 0:
            self = .multi(
                try reader.vector { (inner: inout JuteReader) throws(JuteError) in
                    try Transaction(from: &inner, depth: 1)
                })
        case let tag: throw JuteError("transaction type \(tag)")
        }
    }
}

extension ZNodeKind {
    func write(to writer: inout JuteWriter) {
        switch self {
        case .persistent: writer.byte(0)
        case .ephemeral(let session):
            writer.byte(1)
            writer.long(session)
        case .container: writer.byte(2)
        case .ttl(let milliseconds):
            writer.byte(3)
            writer.long(milliseconds)
        }
    }

    init(from reader: inout JuteReader) throws(JuteError) {
        switch try reader.byte() {
        case 0: self = .persistent
        case 1: self = .ephemeral(session: try reader.long())
        case 2: self = .container
        case 3: self = .ttl(try reader.long())
        case let tag: throw JuteError("node kind \(tag)")
        }
    }
}

/// A transaction with its place in the order of all changes.
struct LogEntry: Sendable, Equatable {
    let zxid: Int64
    /// Milliseconds since 1970.
    let time: Int64
    let transaction: Transaction

    var bytes: [UInt8] {
        var writer = JuteWriter()
        writer.long(zxid)
        writer.long(time)
        transaction.write(to: &writer)
        return writer.bytes
    }

    init(zxid: Int64, time: Int64, transaction: Transaction) {
        self.zxid = zxid
        self.time = time
        self.transaction = transaction
    }

    init(_ bytes: ArraySlice<UInt8>) throws(JuteError) {
        var reader = JuteReader(bytes)
        zxid = try reader.long()
        time = try reader.long()
        transaction = try Transaction(from: &reader)
    }
}
