import Coordinator
import Logging
import ServiceKit
import TransportSecurity

/// What a service does when it is asked to read its configuration again (SIGHUP, `systemctl reload`): the level of its log
/// changes at once, and what else has changed is named, as it has to wait for the next start. A configuration that is
/// wrong changes nothing.
struct Reload: Sendable {
    /// What a reading has found.
    private struct Findings {
        /// Names of what differs from what the service runs with.
        var changes: [String] = []
        var level: Logger.Level?
    }

    private let unit: String
    private let read: @Sendable () throws -> Findings

    private init(unit: String, read: @escaping @Sendable () throws -> Findings) {
        self.unit = unit
        self.read = read
    }

    /// For a service that has its flags from files in /etc. `check` says what is wrong with them as a start would.
    init(
        unit: String, _ service: ServiceFlags, _ arguments: [String],
        level: @escaping @Sendable (String?) -> Logger.Level,
        check: @escaping @Sendable (FlagValues) throws -> Void
    ) throws {
        let read = { @Sendable in try ServiceRun.read(service, arguments, ServiceRun.startEnvironment).flags }
        let first = try read()
        // What systemd hands over stays as it was at the start.
        let handedOver = service.common.isEmpty ? nil : ServiceRun.handedOver
        let stamp = handedOver.flatMap(FileStamp.init)
        self.init(unit: unit) {
            let flags = try read()
            try check(flags)
            let changed = handedOver.flatMap { FileStamp($0) == stamp ? nil : [$0] } ?? []
            return Findings(
                changes: flags.names(differingFrom: first).filter { $0 != "logging_level" } + changed,
                level: level(flags.text("logging_level")))
        }
    }

    /// For the coordinator, whose file is a zoo.cfg.
    init(zooConfiguration path: String, _ text: String) {
        let first = ZooConfigurationKeys(text).values
        self.init(unit: "zookeeper") {
            guard let text = SmallFile.read(path) else { throw FlagError("cannot read \(path)") }
            _ = try CoordinatorConfiguration(parsing: text, path: path)
            let now = ZooConfigurationKeys(text).values
            return Findings(changes: Set(first.keys).union(now.keys).filter { first[$0] != now[$0] }.sorted())
        }
    }

    func run() {
        let logger = Logger(label: unit)
        do {
            let findings = try read()
            if let level = findings.level, level != ServiceLog.level {
                ServiceLog.level = level
                logger.notice("the log's level is \(level) now")
            }
            for name in findings.changes {
                logger.warning("\(name) has changed: that takes effect with `systemctl restart \(unit)`")
            }
            logger.notice("the configuration was read again")
        } catch {
            logger.error("the configuration stays as it was, the new one cannot be used: \(error)")
        }
    }
}

/// The keys of a zoo.cfg as they stand there.
struct ZooConfigurationKeys {
    let values: [String: String]

    init(_ text: String) {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let pair = line.split(separator: "=", maxSplits: 1).map { SmallFile.trimmed(String($0)) }
            if pair.count == 2, !pair[0].hasPrefix("#") { values[pair[0]] = pair[1] }
        }
        self.values = values
    }
}
