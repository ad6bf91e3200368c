import Foundation
import ServiceKit
import Testing

@testable import Coordinator

@Suite("zoo.cfg")
struct CoordinatorConfigurationTests {
    private func complaint(_ text: String) -> String? {
        do {
            _ = try CoordinatorConfiguration(parsing: text, path: "zoo.cfg")
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("Keys and values are read; comments and blanks are passed over")
    func read() throws {
        let text = """
            # comment
            tickTime = 1000
            dataDir=/nonexistent/zookeeper\r
            dataLogDir=/log

            clientPort=2182
            clientPortAddress=127.0.0.1
            minSessionTimeout=-1
            maxSessionTimeout=60000
            maxClientCnxns=0
            4lw.commands.whitelist=ruok, stat
            jute.maxbuffer=4096
            initLimit=10
            strange=1
            server.1=h:2888:3888
            """
        let configuration = try CoordinatorConfiguration(parsing: text, path: "zoo.cfg")
        #expect(configuration.dataDirectory == "/nonexistent/zookeeper")
        #expect(configuration.logDirectory == "/log")
        #expect(configuration.clientPort == 2182)
        #expect(configuration.clientAddress == "127.0.0.1")
        #expect(configuration.maximumClientConnections == 0)
        #expect(configuration.fourLetterWords == ["ruok", "stat"])
        #expect(configuration.maximumFrame == 4096)
        #expect(configuration.unknownKeys == ["strange"])
        #expect(configuration.core.minimumSessionTimeout == 2000)
        #expect(configuration.core.maximumSessionTimeout == 60_000)
    }

    @Test("Where clients come to may stand behind the address of the server, also in a file of its own")
    func servers() throws {
        let directory = try TemporaryDirectory()
        let file = "\(directory.path)/zoo.cfg.dynamic"
        let read = { (servers: String) throws in
            try Data(servers.utf8).write(to: URL(fileURLWithPath: file))
            return try CoordinatorConfiguration(parsing: "dataDir=/d\ndynamicConfigFile=\(file)", path: "zoo.cfg")
        }
        let configuration = try read("server.1=h:2888:3888:participant;2182\nversion=100000000\n")
        #expect(configuration.clientPort == 2182)
        #expect(configuration.clientAddress == nil)
        #expect(try read("server.1=h:2888:3888;127.0.0.1:2183").clientAddress == "127.0.0.1")
        #expect(throws: FlagError.self) { try read("server.1=a:1:2;2181\nserver.2=b:1:2;2181\nserver.3=c:1:2;2181") }
        #expect(complaint("dataDir=/d\ndynamicConfigFile=\(directory.path)/none")?.contains("cannot be read") == true)
        #expect(complaint("dataDir=/d\nserver.1=h:1:2;x")?.contains("server.1=x is wrong") == true)
        for lines in ["clientPort=1\nserver.1=h:1:2;2", "server.1=h:1:2;2\nclientPort=1"] {
            #expect(complaint("dataDir=/d\n\(lines)")?.contains("clientPort is 1") == true)
        }
        #expect(complaint("dataDir=/d\nclientPortAddress=10.0.0.1\nserver.1=h:1:2;10.0.0.2:2181") != nil)
        #expect(try read("server.1=h:2888:3888;[::1]:2183").clientAddress == "::1")
        #expect(
            complaint(
                """
                dataDir=/d
                DigestAuthenticationProvider.enabled=false
                enforce.auth.enabled=true
                enforce.auth.schemes=digest
                """)?.contains("nobody could do anything") == true)
    }

    @Test("Data in a private /tmp of the service is refused")
    func privateDirectory() throws {
        let mounts = """
            29 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
            600 29 254:1 /tmp/systemd-private-1234-zookeeper.service-abc/tmp /tmp rw shared:300 - ext4 /dev/vda1 rw
            """
        let refuse = { (directory: String) in
            try DataDirectories.refusePrivate(CoordinatorConfiguration(dataDirectory: directory), mounts: mounts)
        }
        try refuse("/var/lib/zookeeper")
        try refuse("/tmpfiles")
        #expect(throws: LogError.self) { try refuse("/tmp/zookeeper") }
    }

    @Test("Keys of snapshots, of a slow disk, of the digests and of the largest frame")
    func limits() throws {
        let configuration = try CoordinatorConfiguration(
            parsing: """
                dataDir=/d
                snapCount=60
                fsync.warningthresholdms=20
                zookeeper.DigestAuthenticationProvider.digestAlg=SHA-256
                jute.maxbuffer=0x3fffff
                """, path: "zoo.cfg")
        let disk = configuration.disk(log: "/d", snapshots: "/d")
        #expect(disk.snapshotEntries == 60)
        #expect(disk.slowSync == .milliseconds(20))
        #expect(configuration.core.digestAlgorithm == .sha256)
        #expect(configuration.maximumFrame == 0x3fffff)
        #expect(configuration.unknownKeys.isEmpty)
        #expect(complaint("dataDir=/d\nDigestAuthenticationProvider.digestAlg=MD5")?.contains("SHA1") == true)
    }

    @Test("Session time-outs default to 2 and 20 ticks, the log to the data directory")
    func defaults() throws {
        let configuration = try CoordinatorConfiguration(parsing: "dataDir=/d", path: "zoo.cfg")
        #expect(configuration.logDirectory == "/d")
        #expect(configuration.clientPort == 2181)
        #expect(configuration.core.minimumSessionTimeout == configuration.tickTime * 2)
        #expect(configuration.core.maximumSessionTimeout == configuration.tickTime * 20)
    }

    @Test(
        "What cannot be used is refused with the line",
        arguments: [
            ("tickTime=2000", "zoo.cfg: dataDir is missing: dataDir=/var/lib/zookeeper"),
            ("dataDir=/d\nnonsense", "zoo.cfg: 'nonsense' is no key=value line"),
            (
                "dataDir=/d\nclientPort=x",
                "zoo.cfg: clientPort=x is wrong: expected a whole number from 0 to 65535"
            ),
            ("dataDir=/d\ntickTime=0", "zoo.cfg: tickTime=0 is wrong: expected a whole number from 1 to 3600000"),
        ])
    func refused(text: String, expected: String) {
        #expect(complaint(text) == expected)
    }

    @Test("Session time-outs that exclude each other are refused")
    func sessionTimeouts() {
        #expect(
            complaint("dataDir=/d\nminSessionTimeout=5000\nmaxSessionTimeout=4000")?.contains("minSessionTimeout")
                == true)
    }

    @Test("An ensemble is refused")
    func ensemble() {
        #expect(complaint("dataDir=/d\nserver.1=a:1:2\nserver.2=b:1:2")?.contains("server.1, server.2") == true)
    }

    @Test("myid gives the server's id", arguments: [("7\n", UInt8(7)), ("255", 255)])
    func serverID(content: String, expected: UInt8) throws {
        let directory = try TemporaryDirectory()
        try directory.write("myid", content)
        let configuration = try CoordinatorConfiguration(parsing: "dataDir=\(directory.path)", path: "zoo.cfg")
        #expect(configuration.serverID == expected)
    }

    @Test("A wrong myid is refused", arguments: ["0", "256", "x", ""])
    func wrongServerID(content: String) throws {
        let directory = try TemporaryDirectory()
        try directory.write("myid", content)
        #expect(complaint("dataDir=\(directory.path)")?.hasPrefix("\(directory.path)/myid: ") == true)
    }
}
