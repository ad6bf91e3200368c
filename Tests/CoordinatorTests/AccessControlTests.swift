import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Access control lists (reference, 10)")
struct AccessControlTests {
    private var server = TestCoordinator(configure: { $0.superDigest = DigestScheme.id(of: Array("super:test".utf8)) })

    init() throws {
        try server.connect(1)
        try server.connect(2)
    }

    private mutating func authenticate(_ connection: UInt64, _ proof: String, scheme: String = "digest") throws -> Int32
    {
        try server.rawRequest(connection, OperationCode.auth.rawValue, xid: ReservedXID.auth) { writer in
            writer.int(0)
            writer.string(scheme)
            writer.buffer(Array(proof.utf8))
        }.0.error
    }

    private mutating func getACL(_ path: String, by connection: UInt64 = 1) throws -> [ACL] {
        var reader = try server.request(connection, .getACL) { $0.string(path) }
        return try reader.vector(ACL.init)
    }

    private mutating func setACL(_ path: String, _ acl: [ACL], version: Int32 = -1, by connection: UInt64 = 1) throws {
        try server.request(connection, .setACL) { writer in
            writer.string(path)
            writer.vector(acl) { $1.write(to: &$0) }
            writer.int(version)
        }
    }

    @Test("The digest of the super user that the original's documentation names")
    func digest() {
        #expect(DigestScheme.id(of: Array("super:test".utf8)) == "super:D/InIHSb7yEEbrWz8b9l71RjZJU=")
        #expect(DigestScheme.id(of: Array("a:b:c".utf8))?.hasPrefix("a:") == true)
    }

    @Test("Passwords are hashed as the configuration says, and not at all where it forbids the scheme")
    mutating func algorithm() throws {
        #expect(
            DigestScheme.id(of: Array("super:test".utf8), .sha256)
                == "super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig=")
        for algorithm in DigestScheme.Algorithm.allCases {
            #expect(DigestScheme.id(of: Array("a:b".utf8), algorithm) != nil, "\(algorithm)")
        }
        server = TestCoordinator { $0.digestAlgorithm = .sha256 }
        try server.connect(1)
        #expect(try authenticate(1, "super:test") == 0)
        try server.create("/a", acl: [ACL(permissions: 31, scheme: "auth", id: "")])
        #expect(try getACL("/a").map(\.id) == ["super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig="])
        server = TestCoordinator { $0.access.hasDigest = false }
        try server.connect(1)
        #expect(throws: ZooKeeperErrorCode.invalidACL) {
            try server.create("/a", acl: [ACL(permissions: 31, scheme: "digest", id: "a:b")])
        }
        #expect(try authenticate(1, "super:test") == ZooKeeperErrorCode.authFailed.rawValue)
    }

    @Test("Lists that are none are refused")
    mutating func invalid() throws {
        let lists: [[ACL]] = [
            [], [ACL(permissions: 31, scheme: "world", id: "me")], [ACL(permissions: 31, scheme: "auth", id: "")],
            [ACL(permissions: 31, scheme: "digest", id: "nocolon")], [ACL(permissions: 31, scheme: "ip", id: "1.2.3")],
            [ACL(permissions: 31, scheme: "ip", id: "1.2.3.4/33")], [ACL(permissions: 31, scheme: "sasl", id: "me")],
            ACL.open + [ACL(permissions: 31, scheme: "nothing", id: "x")],
        ]
        for list in lists {
            #expect(throws: ZooKeeperErrorCode.invalidACL, "\(list)") { try server.create("/a", acl: list) }
        }
    }

    @Test("Who is not in the list may do nothing, who is in it what it says")
    mutating func digestList() throws {
        #expect(try authenticate(1, "alice:secret") == 0)
        try server.create("/a", [1], acl: [ACL(permissions: 31, scheme: "auth", id: "ignored")])
        #expect(try getACL("/a").map(\.scheme) == ["digest"])
        try server.create("/a/b")
        for attempt in [
            { (server: inout TestCoordinator) in _ = try server.get("/a", by: 2) },
            { (server: inout TestCoordinator) in _ = try server.set("/a", [], by: 2) },
            { (server: inout TestCoordinator) in _ = try server.create("/a/c", by: 2) },
            { (server: inout TestCoordinator) in try server.delete("/a/b", by: 2) },
            { (server: inout TestCoordinator) in _ = try server.children("/a", by: 2) },
        ] {
            #expect(throws: ZooKeeperErrorCode.noAuth) { try attempt(&server) }
        }
        #expect(throws: ZooKeeperErrorCode.noAuth) { try getACL("/a", by: 2) }
        #expect(throws: ZooKeeperErrorCode.noAuth) { try setACL("/a", ACL.open, by: 2) }
        #expect(try server.exists("/a", by: 2).dataLength == 1)
        #expect(try authenticate(2, "alice:secret") == 0)
        #expect(try server.get("/a", by: 2).0 == [1])
    }

    @Test("Who may read but not administer sees no hashes of passwords")
    mutating func masked() throws {
        let read = ACL(permissions: 1, scheme: "world", id: "anyone")
        #expect(try authenticate(1, "alice:secret") == 0)
        try server.create("/a", acl: [ACL(permissions: 31, scheme: "auth", id: ""), read])
        #expect(try getACL("/a", by: 2).map(\.id) == ["alice:x", "anyone"])
        #expect(try getACL("/a", by: 1).first?.id.count == "alice:".count + 28)
    }

    @Test("The super user may do everything, an unknown scheme ends the connection")
    mutating func superUser() throws {
        #expect(try authenticate(1, "alice:secret") == 0)
        try server.create("/a", acl: [ACL(permissions: 31, scheme: "auth", id: "")])
        #expect(try authenticate(2, "super:test") == 0)
        try server.set("/a", [7], by: 2)
        try server.set("/zookeeper/config", [7], by: 2)
        #expect(throws: ZooKeeperErrorCode.noAuth) { try server.set("/zookeeper/config", [], by: 1) }
        #expect(try authenticate(1, "x", scheme: "kerberos") == -115)
        #expect(server.effects.last == .close(ConnectionID(number: 1)))
    }

    @Test(
        "Addresses match by prefix",
        arguments: [
            ("10.0.0.1", true), ("10.0.0.2", false), ("10.0.0.0/24", true), ("10.0.1.0/24", false), ("0.0.0.0/0", true),
        ])
    mutating func address(id: String, isAllowed: Bool) throws {
        try server.create("/a", acl: [ACL(permissions: 31, scheme: "ip", id: id)], by: 2)
        if isAllowed {
            try server.get("/a", by: 1)
        } else {
            #expect(throws: ZooKeeperErrorCode.noAuth) { try server.get("/a", by: 1) }
        }
    }

    @Test("A change of the list counts its versions, and doubles are kept once")
    mutating func versions() throws {
        try server.create("/a")
        try setACL("/a", ACL.open + ACL.open, version: 0)
        #expect(try getACL("/a") == ACL.open)
        #expect(throws: ZooKeeperErrorCode.badVersion) { try setACL("/a", ACL.open, version: 0) }
        #expect(throws: ZooKeeperErrorCode.noNode) { try setACL("/b", ACL.open) }
        let stat = try server.exists("/a")
        #expect([stat.aversion, stat.version] == [1, 0])
    }

    @Test("A multi checks what its own operations leave")
    mutating func multi() throws {
        var reader = try server.request(1, .multi) { writer in
            for (path, permissions) in [("/a", Permission.read), ("/a/b", Permission.all)] {
                MultiHeader(type: OperationCode.create.rawValue, isDone: false, error: -1).write(to: &writer)
                writer.string(path)
                writer.buffer(nil)
                writer.vector([ACL(permissions: permissions, scheme: "world", id: "anyone")]) { $1.write(to: &$0) }
                writer.int(0)
            }
            MultiHeader.end.write(to: &writer)
        }
        #expect(try MultiHeader(from: &reader).error == 0)
        _ = try reader.int()
        #expect(try MultiHeader(from: &reader).error == ZooKeeperErrorCode.noAuth.rawValue)
        #expect(server.core.tree["/a"] == nil)
    }

    @Test("Who may not read a node hears nothing of it, and its one-shot watch is used up")
    mutating func hiddenEvents() throws {
        #expect(try authenticate(1, "alice:secret") == 0)
        try server.create("/a", acl: [ACL(permissions: 31, scheme: "auth", id: "")])
        try server.exists("/a", watch: true, by: 2)
        try server.exists("/a", watch: true, by: 1)
        try server.set("/a", [1])
        #expect(try server.events() == [.event(1, .dataChanged, "/a")])
        try setACL("/a", ACL.open)
        try server.set("/a", [2])
        #expect(try server.events().isEmpty)
    }

    @Test("A connection tells who it is")
    mutating func whoAmI() throws {
        #expect(try authenticate(1, "alice:secret") == 0)
        var reader = try server.request(1, .whoAmI)
        let pairs = try reader.vector { (reader: inout JuteReader) throws(JuteError) in
            "\(try reader.text()) \(try reader.text())"
        }
        #expect(pairs == ["digest alice", "ip 10.0.0.1"])
    }

    @Test("Lists are shared by number, and a number is free again when nobody uses it")
    func table() {
        let other = ACL(permissions: 1, scheme: "digest", id: "alice:x")
        var table = ACLTable()
        let first = table.retain(ACL.open)
        #expect(table.retain(ACL.open) == first)
        let second = table.retain([other])
        table.release(first)
        #expect(table[first] == ACL.open)
        table.release(first)
        #expect(table.count == 1)
        #expect(table.retain([]) == first)
        #expect(table[second] == [other])
    }
}
