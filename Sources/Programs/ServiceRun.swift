import Logging
import NIOCore
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What the services have in common: flags, the wait for a signal or a failure, the watchdog.
enum ServiceRun {
    /// Below which folder the configuration lies: `/etc`, or what `MESOS_ETC` names.
    static var etc: String { environment["MESOS_ETC"] ?? "/etc" }

    static var environment: [String: String] {
        var variables: [String: String] = [:]
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            pointer += 1
        }
        return variables
    }

    /// Loads a program's flags; `--help` and `--version` end it.
    static func flags(_ loader: FlagLoader, _ arguments: [String], directories: [String]) throws -> FlagValues {
        if arguments.contains("--help") {
            print(loader.usage, terminator: "")
            exit(0)
        }
        if arguments.contains("--version") {
            print("mesos \(Version.mesos) (swift-mesos \(Version.release))")
            exit(0)
        }
        return try loader.load(arguments: arguments, environment: environment, directories: directories)
    }

    /// Each client is a file descriptor: as many as the machine's administrator allows, not as many as programs get that
    /// do not ask. Not for the agent, whose tasks would inherit it.
    static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    static func warn(of flags: FlagValues, _ logger: Logger) {
        for name in flags.withoutEffect { logger.warning("--\(name) is taken but has no effect in this version") }
    }

    /// The zk:// URL of `/etc/mesos/zk`, which the services use when they are not told otherwise.
    static var commonZooKeeper: String? {
        SmallFile.read("\(etc)/mesos/zk").map(SmallFile.trimmed).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Waits until the program is asked to stop, or a service gives up: then the reason is thrown. Meanwhile the
    /// watchdog watches the group that the services run on.
    static func untilStopped(_ failures: AsyncStream<String>, on group: any EventLoopGroup) async throws {
        let watchdog = Watchdog(group)
        defer { watchdog?.stop() }
        let signals = try ShutdownSignal.events()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await event in signals where event == .stop { return }
            }
            tasks.addTask {
                for await reason in failures { throw FlagError(reason) }
                try await Task.sleep(for: .seconds(1 << 30))
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
        ServiceNotifier.stopping("stopping")
    }
}
