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
        let wildcards: [String?] = [nil, "0.0.0.0", "::"]
        let host = wildcards.contains(configuration.clientAddress) ? "localhost" : configuration.clientAddress ?? ""
        guard let answer = ask(host, configuration.clientPort, "srvr"), !answer.isEmpty else {
            throw FlagError(
                "no coordinator answers at \(host):\(configuration.clientPort): is it started? "
                    + "`systemctl status zookeeper` or its log say why not")
        }
        guard !answer.contains("not in the whitelist") else {
            throw FlagError("the coordinator does not answer the word srvr: add it to 4lw.commands.whitelist")
        }
        print(answer, terminator: "")
    }

    private static func ask(_ host: String, _ port: Int, _ word: String) -> String? {
        guard let file = connected(to: host, port) else { return nil }
        defer { close(file) }
        guard send(file, word, word.utf8.count, Int32(MSG_NOSIGNAL)) == word.utf8.count else { return nil }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += buffer[..<count]
        }
    }

    /// A socket to the first address of a host that takes a connection.
    private static func connected(to host: String, _ port: Int) -> CInt? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var next = list
        while let place = next?.pointee {
            let file = socket(place.ai_family, place.ai_socktype, place.ai_protocol)
            var limit = timeval(tv_sec: 5, tv_usec: 0)
            for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
                setsockopt(file, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
            if file >= 0, connect(file, place.ai_addr, place.ai_addrlen) == 0 { return file }
            close(file)
            next = place.ai_next
        }
        return nil
    }
}
