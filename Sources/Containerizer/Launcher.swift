import CLinux
import MesosProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The containers that run under a `mesos-launcher` of their own. Its state directory tells a later agent where the
/// launcher is and how the command ended.
public struct Launcher: Sendable {
    private let program: String
    private let cgroup: String?

    /// `directory` is where the helper programs are (`--launcher_dir`). `cgroup` is the directory of the cgroup v2 that
    /// launchers go to, so that nobody who ends the agent's own ends the containers too.
    public init(directory: String, cgroup: String? = nil) {
        program = "\(directory)/mesos-launcher"
        self.cgroup = cgroup
    }

    public var isInstalled: Bool { access(program, X_OK) == 0 }
    public var path: String { program }

    /// Starts a container's command with more options for the launcher; returns when the command runs.
    public func launch(_ container: ContainerSpecification, options: [String]) async throws(ContainerError) {
        var arguments = [program, "--state=\(container.stateDirectory)", "--cwd=\(container.sandbox)"]
        if let cgroup { arguments.append("--launcher-cgroup=\(cgroup)") }
        if let user = container.user { arguments += try UserIdentity(named: user).launcherOptions }
        arguments += options + ["--"] + container.arguments
        let environment = container.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let report = try await Self.start(program, arguments, environment, sandbox: container.sandbox)
        guard report.hasPrefix("ok") else {
            throw ContainerError(report.isEmpty ? "the launcher \(program) ended without a word" : report)
        }
    }

    private static func start(
        _ program: String, _ arguments: [String], _ environment: [String], sandbox: String
    ) async throws(ContainerError) -> String {
        let result: Result<String, ContainerError> = await withCheckedContinuation { continuation in
            BlockingWork.run {
                continuation.resume(returning: spawnAndRead(program, arguments, environment, sandbox))
            }
        }
        return try result.get()
    }

    /// Blocks until the launcher has reported, which it does as soon as the command was executed.
    private static func spawnAndRead(
        _ program: String, _ arguments: [String], _ environment: [String], _ sandbox: String
    ) -> Result<String, ContainerError> {
        var pipes: [Int32] = [-1, -1]
        guard clinux_pipe(&pipes) == 0 else { return .failure(.system("pipe2", program)) }
        defer { close(pipes[0]) }
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let output = open("\(sandbox)/stdout", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        let errors = open("\(sandbox)/stderr", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        // Above those that the child's get, as spawning moves them one after another.
        let files = [input, output, errors, pipes[1]].map { fcntl($0, F_DUPFD_CLOEXEC, 16) }
        for file in [input, output, errors, pipes[1]] where file >= 0 { close(file) }
        guard files.allSatisfy({ $0 >= 0 }) else {
            let failure = ContainerError.system("open stdout and stderr in", sandbox)
            for file in files where file >= 0 { close(file) }
            return .failure(failure)
        }
        let pid = withCStrings(arguments) { argv in
            withCStrings(environment) { envp in clinux_spawn(program, argv, envp, nil, files, Int32(files.count)) }
        }
        // The launcher alone may hold the pipe now: its end is the end of the report.
        for file in files { close(file) }
        guard pid > 0 else {
            return .failure(ContainerError("start \(program): \(String(cString: strerror(-pid)))"))
        }
        return .success(readAll(pipes[0]))
    }

    private static func readAll(_ descriptor: Int32) -> String {
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while content.count < 4096 {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            content.append(contentsOf: buffer[..<count])
        }
        return String(decoding: content, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
    }

    /// The launcher of a container; nil when none was started.
    public static func process(of stateDirectory: String) -> ProcessIdentity? {
        StateFile.read("\(stateDirectory)/launcher").flatMap { ProcessIdentity($0) }
    }

    /// The status of a container whose command is a child of its launcher.
    public static func status(_ container: ContainerSpecification) -> Mesos.ContainerStatus {
        .with {
            $0.containerID = Mesos.ContainerID.with { $0.value = container.id }
            $0.executorPid = process(of: container.stateDirectory).map { UInt32($0.pid) }
        }
    }

    /// Waits for the end and returns what the launcher left.
    public static func wait(_ stateDirectory: String) async -> ContainerTermination {
        if let process = process(of: stateDirectory) { await ProcessWatcher.shared.wait(for: process) }
        return termination(stateDirectory)
    }

    static func termination(_ stateDirectory: String) -> ContainerTermination {
        guard let text = StateFile.read("\(stateDirectory)/status"),
            let status = Int32(text.filter { !$0.isWhitespace })
        else {
            return ContainerTermination(status: nil, message: "The container's launcher ended without leaving a status")
        }
        return ContainerTermination(status: status)
    }

    /// Asks the command to end, and kills the container after the grace period.
    public static func stop(_ stateDirectory: String, grace: Duration) async {
        guard let process = process(of: stateDirectory) else { return }
        process.signal(SIGTERM)
        await withTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                await ProcessWatcher.shared.wait(for: process)
                return true
            }
            tasks.addTask {
                try? await Task.sleep(for: grace)  // Cancelled: the command has ended.
                return false
            }
            if await tasks.next() == false { process.signal(SIGUSR1) }
            tasks.cancelAll()
        }
    }

    /// Kills the container.
    public static func destroy(_ stateDirectory: String) async {
        guard let process = process(of: stateDirectory) else { return }
        process.signal(SIGUSR1)
        await ProcessWatcher.shared.wait(for: process)
    }
}

extension ContainerError {
    static func system(_ call: String, _ object: String) -> ContainerError {
        ContainerError("\(call) \(object): \(String(cString: strerror(errno)))")
    }
}

/// Calls with an array of C strings that ends with NULL.
private func withCStrings<R>(_ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has an address") }
        return body(base)
    }
}

/// Work that blocks, on a thread of its own.
public enum BlockingWork {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    public static func run(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        precondition(result == 0, "pthread_create: \(String(cString: strerror(result)))")
        pthread_detach(thread)
    }
}
