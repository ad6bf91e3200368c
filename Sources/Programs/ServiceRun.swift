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

    /// The environment that the program was started with: loading flags adds to that of the process.
    static let startEnvironment = environment

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

    /// Loads the flags of a program that has them from its command line and environment alone.
    static func flags(_ loader: FlagLoader, _ arguments: [String]) throws -> FlagValues {
        try flags(ServiceFlags(loader: loader, folders: [], defaults: [], common: []), arguments)
    }

    /// Loads a program's flags; `--help` and `--version` end it.
    static func flags(_ service: ServiceFlags, _ arguments: [String]) throws -> FlagValues {
        if arguments.contains("--help") {
            print(service.loader.usage, terminator: "")
            exit(0)
        }
        if arguments.contains("--version") {
            print("mesos \(Version.mesos) (swift-mesos \(Version.release))")
            exit(0)
        }
        let (flags, variables) = try read(service, arguments, startEnvironment)
        try variables.applyLimits()
        // As the originals' wrapper hands them on, to libraries and to programs such as docker.
        for (name, value) in variables.values { setenv(name, value, 0) }
        return flags
    }

    /// The flags as they stand there now, and the variables of the files in `/etc/default`.
    static func read(
        _ service: ServiceFlags, _ arguments: [String], _ environment: [String: String]
    ) throws -> (flags: FlagValues, variables: ShellVariables) {
        var (flags, variables) = try service.load(
            arguments, environment: environment, etc: etc, readFile: readConfiguration)
        if !service.common.isEmpty, let url = try commonZooKeeper() {
            for (name, value) in service.common { flags.provide(name, value(url)) }
        }
        return (flags, variables)
    }

    private static var addressFile: String { "\(etc)/mesos/zk" }

    /// A file of the configuration. A service that is not root gets /etc/mesos/zk, which may hold a password, from
    /// systemd (LoadCredential=).
    static func readConfiguration(_ path: String) -> String? {
        if path == addressFile, let content = credential { return content }
        return SmallFile.read(path)
    }

    /// The file that systemd has given this service a copy of; nil without one.
    static var handedOver: String? { credential == nil ? nil : addressFile }

    private static var credential: String? {
        guard let credentials = environment["CREDENTIALS_DIRECTORY"],
            let content = SmallFile.read("\(credentials)/zk"), !SmallFile.trimmed(content).isEmpty
        else { return nil }
        return content
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
    private static func commonZooKeeper() throws -> String? {
        let path = addressFile
        guard let content = readConfiguration(path) else {
            // Without it a master would lead alone: one that cannot be read must not be taken for none.
            guard access(path, F_OK) != 0 else { throw FlagError("\(path): cannot be read by this program's user") }
            return nil
        }
        let url = SmallFile.trimmed(content)
        return url.isEmpty ? nil : url
    }

    /// Waits until the program is asked to stop, or a service gives up: then the reason is thrown. Meanwhile the
    /// watchdog watches the group that the services run on, and the configuration is read again when that is asked for.
    static func untilStopped(
        _ failures: AsyncStream<String>, on group: any EventLoopGroup, reload: Reload? = nil
    ) async throws {
        let watchdog = Watchdog(group)
        defer { watchdog?.stop() }
        let signals = try ShutdownSignal.events()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await event in signals {
                    guard event == .reload else { return }
                    ServiceNotifier.reloading()
                    reload?.run()
                    ServiceNotifier.reloaded()
                }
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
