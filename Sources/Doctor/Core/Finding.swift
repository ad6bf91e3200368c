/// What a check says of a machine.
public struct Finding: Sendable, Equatable {
    /// How bad it is; an error is what keeps a service from its work.
    public enum Severity: Int, Sendable, Comparable, CaseIterable {
        case ok, note, warning, error

        public var name: String {
            switch self {
            case .ok: "ok"
            case .note: "note"
            case .warning: "warning"
            case .error: "error"
            }
        }

        public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
    }

    /// The name of the check, as the table in docs/doctor.md has it.
    public let check: String
    public let severity: Severity
    /// What was seen.
    public let what: String
    /// What follows from it; nil when all is well.
    public let why: String?
    /// The command that mends it, or that shows more where no command can mend it; nil when all is well.
    public let mend: String?

    static func ok(_ check: String, _ what: String) -> Finding {
        Finding(check: check, severity: .ok, what: what, why: nil, mend: nil)
    }

    static func note(_ check: String, _ what: String, why: String, mend: String?) -> Finding {
        Finding(check: check, severity: .note, what: what, why: why, mend: mend)
    }

    static func warning(_ check: String, _ what: String, why: String, mend: String) -> Finding {
        Finding(check: check, severity: .warning, what: what, why: why, mend: mend)
    }

    static func error(_ check: String, _ what: String, why: String, mend: String) -> Finding {
        Finding(check: check, severity: .error, what: what, why: why, mend: mend)
    }
}

extension MachineFacts {
    /// Something that could not be looked at: whether it is right is not known. Root sees everything.
    func unseen(_ check: String, _ what: String, _ reason: String) -> Finding {
        .note(
            check, "\(what) could not be seen: \(reason)", why: "whether it is right is not known",
            mend: isPrivileged ? nil : "sudo mesos doctor")
    }
}
