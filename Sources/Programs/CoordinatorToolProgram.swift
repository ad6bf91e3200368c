import Coordinator
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The commands of `mesos-coordinator` for people: `import`, `export`, `dump`, `verify` work on the data of one that
/// does not run, `status` asks one that does.
enum CoordinatorToolProgram {
    private static func loader(_ tool: String) -> FlagLoader {
        var flags = [
            Flag("config", .text, default: "/etc/zookeeper/conf/zoo.cfg", "The zoo.cfg of the coordinator."),
            Flag("help", .bool, default: "false"), Flag("version", .bool, default: "false"),
        ]
        if tool == "import" {
            flags.append(Flag("from", .text, "The data directory of the Apache ZooKeeper to take over."))
            flags.append(Flag("from_log", .text, "The directory of its log, where that is apart (dataLogDir)."))
        }
        return FlagLoader(
            program: "mesos-coordinator \(tool)", flags: flags, environmentPrefix: "MESOS_COORDINATOR_")
    }

    static func run(_ tool: String, _ arguments: [String]) throws {
        let flags = try ServiceRun.flags(loader(tool), arguments)
        let path = flags.text("config") ?? ""
        guard let text = SmallFile.read(path) else {
            throw FlagError("mesos-coordinator \(tool): --config: cannot read \(path)")
        }
        let configuration = try CoordinatorConfiguration(parsing: text, path: path)
        let tools = CoordinatorTools(configuration) { print($0) }
        switch tool {
        case "import":
            guard let directory = flags.text("from") else {
                throw FlagError("mesos-coordinator import: --from=DIRECTORY is missing: the dataDir of the ZooKeeper")
            }
            try tools.importZooKeeper(from: directory, log: flags.text("from_log"))
        case "export": try tools.export()
        case "dump": try tools.dump()
        case "verify": try tools.verify()
        default: try status(configuration)
        }
    }

    /// What the server itself says, by the word `srvr`, which is always allowed unless it was taken off the list.
    private static func status(_ configuration: CoordinatorConfiguration) throws {
        guard configuration.hasClientPort else {
            throw FlagError(
                "this coordinator has a port for TLS alone (secureClientPort): ask it with "
                    + "`openssl s_client -connect HOST:PORT -cert CERTIFICATE -key KEY` and the word srvr")
        }
        let host = configuration.clientAddress == "0.0.0.0" ? "127.0.0.1" : configuration.clientAddress
        guard let answer = ask(host, configuration.clientPort, "srvr"), !answer.isEmpty else {
            throw FlagError(
                "no coordinator answers at \(host):\(configuration.clientPort): is it started? "
                    + "`systemctl status zookeeper` or its log say why not")
        }
        print(answer, terminator: "")
    }

    private static func ask(_ host: String, _ port: Int, _ word: String) -> String? {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected, write(file, word, word.utf8.count) == word.utf8.count else { return nil }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += buffer[..<count]
        }
    }
}
