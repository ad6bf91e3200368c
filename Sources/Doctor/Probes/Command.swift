import CLinux

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Runs a program and reads what it writes.
enum Command {
    /// More than any of the programs asked here writes.
    private static let maximumOutput = 1 << 20

    /// Blocks until the program has closed its output; it is killed when that is not in time. What it says on its
    /// standard error is the reason when it writes nothing else.
    static func output(_ path: String, _ arguments: [String], within limit: Duration) -> Observed<String> {
        guard let output = pipeEnds(), let errors = pipeEnds() else { return .unseen("no more files can be opened") }
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        // Above those that the child's get, as spawning moves them one after another.
        let files = [input, output[1], errors[1]].map { fcntl($0, F_DUPFD_CLOEXEC, 16) }
        for file in [input, output[1], errors[1]] where file >= 0 { close(file) }
        defer {
            close(output[0])
            close(errors[0])
        }
        let environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]
        let pid = withCStrings([path] + arguments) { argv in
            withCStrings(environment) { envp in clinux_spawn(path, argv, envp, nil, files, Int32(files.count)) }
        }
        for file in files where file >= 0 { close(file) }
        guard pid > 0 else { return .unseen("\(path): \(String(cString: strerror(-pid)))") }
        let end = ContinuousClock.now + limit
        let text = read(output[0], until: end)
        let complaint = text?.isEmpty == true ? read(errors[0], until: end) ?? "" : ""
        // Its session has its number; after it has ended, nobody else has that before it was waited for.
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        guard let text else { return .unseen("\(path) did not end within \(limit.components.seconds) s") }
        guard !text.isEmpty else {
            let reason = complaint.split(separator: "\n").first.map(String.init)
            return .unseen("\(path): \(reason ?? "it wrote nothing")")
        }
        return .seen(text)
    }

    private static func pipeEnds() -> [Int32]? {
        var ends: [Int32] = [-1, -1]
        return clinux_pipe(&ends) == 0 ? ends : nil
    }

    /// All that comes until the other end is closed; nil when that is not in time.
    private static func read(_ file: Int32, until end: ContinuousClock.Instant) -> String? {
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while content.count < maximumOutput {
            guard Descriptor.wait(file, for: Int16(POLLIN), until: end) else { return nil }
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            content.append(contentsOf: buffer[..<count])
        }
        return String(decoding: content, as: UTF8.self)
    }

    private static func withCStrings<R>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return (copies + [nil]).withUnsafeBufferPointer { pointers in
            var none: UnsafeMutablePointer<CChar>?
            return withUnsafePointer(to: &none) { body(pointers.baseAddress ?? $0) }
        }
    }
}

enum Descriptor {
    /// Waits until a descriptor is ready; false at the deadline.
    static func wait(_ file: Int32, for events: Int16, until end: ContinuousClock.Instant) -> Bool {
        while true {
            let left = ContinuousClock.now.duration(to: end)
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            guard milliseconds > 0 else { return false }
            var request = pollfd(fd: file, events: events, revents: 0)
            let count = poll(&request, 1, Int32(clamping: milliseconds))
            if count > 0 { return true }
            guard count < 0, errno == EINTR else { return false }
        }
    }
}
