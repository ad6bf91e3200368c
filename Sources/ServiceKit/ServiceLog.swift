import CSystemd
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Sets up logging of a program: structured fields to journald when systemd started it, lines to stderr otherwise.
public enum ServiceLog {
    public static func bootstrap(program: String, level: Logger.Level) {
        self.level = level
        let toJournal = isUnderJournal
        LoggingSystem.bootstrap { label in
            toJournal
                ? JournalLogHandler(program: program, label: label) as any LogHandler
                : StandardErrorLogHandler(label: label)
        }
    }

    private static let currentLevel = Mutex(Logger.Level.info)

    /// From which level on the program's loggers write; for those too that were made before.
    public static var level: Logger.Level {
        get { currentLevel.withLock { $0 } }
        set { currentLevel.withLock { $0 = newValue } }
    }

    /// Whether systemd passes on what this program writes.
    static var isUnderJournal: Bool { getenv("JOURNAL_STREAM") != nil }

    /// A reason to end as it is to be written to the standard error: the journal takes the level of a line from its
    /// beginning (sd-daemon(3)).
    public static func fatalText(_ message: String) -> String { fatalText(message, toJournal: isUnderJournal) }

    static func fatalText(_ message: String, toJournal: Bool) -> String {
        guard toJournal else { return message }
        return message.split(separator: "\n", omittingEmptySubsequences: false)
            .map { "<\(LOG_ERR)>\($0)" }.joined(separator: "\n")
    }

    /// The level of a Mesos `--logging_level` value.
    public static func level(named name: String?) -> Logger.Level {
        switch name {
        case "WARNING": .warning
        case "ERROR": .error
        case "DEBUG": .debug
        default: .info
        }
    }

    /// syslog(3) priority of a level.
    static func priority(_ level: Logger.Level) -> Int32 {
        switch level {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
    }
}

/// Writes each event as journal fields (sd_journal_sendv(3)). Metadata keys such as `task_id` become the field
/// `MESOS_TASK_ID`, keys in capitals are kept as they are.
struct JournalLogHandler: LogHandler {
    let program: String
    let label: String
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]

    init(program: String, label: String) {
        self.program = program
        self.label = label
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? ServiceLog.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = [
            "MESSAGE=\(event.message)", "PRIORITY=\(ServiceLog.priority(event.level))",
            "SYSLOG_IDENTIFIER=\(program)", "MESOS_COMPONENT=\(label)", "CODE_FILE=\(event.file)",
            "CODE_LINE=\(event.line)", "CODE_FUNC=\(event.function)",
        ]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) {
            let name = key == key.uppercased() ? key : "MESOS_" + key.uppercased()
            fields.append("\(name)=\(value)")
        }
        if send(fields) < 0 { StandardErrorLogHandler.write(event, label: label, metadata: metadata) }
    }

    private func send(_ fields: [String]) -> Int32 {
        let buffers = fields.map { Array($0.utf8) }
        let all = buffers.flatMap { $0 }
        return all.withUnsafeBytes { raw in
            var offset = 0
            let vectors = buffers.map { buffer in
                defer { offset += buffer.count }
                let start = raw.baseAddress.map { UnsafeMutableRawPointer(mutating: $0 + offset) }
                return iovec(iov_base: start, iov_len: buffer.count)
            }
            return sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }
}

/// One line an event: time, level, component, message, metadata.
struct StandardErrorLogHandler: LogHandler {
    let label: String
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]

    init(label: String) { self.label = label }

    var logLevel: Logger.Level {
        get { ownLevel ?? ServiceLog.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { Self.write(event, label: label, metadata: metadata) }

    static func write(_ event: LogEvent, label: String, metadata: Logger.Metadata) {
        let fields = metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 })
            .sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        let line =
            "\(WallClock().now.iso8601) \(event.level.rawValue.uppercased()) \(label): \(event.message)\(fields)\n"
        var bytes = Array(line.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
