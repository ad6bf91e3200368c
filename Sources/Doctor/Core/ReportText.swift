import JSONText

/// Findings as text.
public enum ReportText {
    /// One line for each finding and one for all of them; with colours, as on a terminal, when asked for.
    public static func lines(_ findings: [Finding], isColoured: Bool) -> String {
        let width = findings.map(\.check.count).max() ?? 0
        let lines = findings.map { finding in
            let severity = padded(finding.severity.name, 7)
            let shown = isColoured ? "\u{1B}[\(colour(finding.severity))m\(severity)\u{1B}[0m" : severity
            return "\(shown)  \(padded(finding.check, width))  \(sentence(finding))\n"
        }
        return lines.joined() + summary(findings) + "\n"
    }

    private static func sentence(_ finding: Finding) -> String {
        let why = finding.why.map { ": \($0)" } ?? ""
        let mend = finding.mend.map { ". Mend: \($0)" } ?? ""
        return printable(finding.what + why + mend)
    }

    /// Text of configuration files and other programs must not move the terminal's cursor.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Colours of ECMA-48: red, yellow, blue, green.
    private static func colour(_ severity: Finding.Severity) -> Int {
        switch severity {
        case .error: 31
        case .warning: 33
        case .note: 34
        case .ok: 32
        }
    }

    private static func summary(_ findings: [Finding]) -> String {
        func count(_ severity: Finding.Severity) -> String {
            let number = findings.count { $0.severity == severity }
            return "\(number) \(severity.name)\(number == 1 ? "" : "s")"
        }
        return [Finding.Severity.error, .warning, .note].map(count).joined(separator: ", ")
            + "; \(findings.count { $0.severity == .ok }) ok"
    }

    /// A JSON object with the findings and their numbers, for programs.
    public static func json(_ findings: [Finding]) -> String {
        var members = Finding.Severity.allCases.reversed().map { severity in
            JSON.Member(severity.name, .integer(Int64(findings.count { $0.severity == severity })))
        }
        let list = findings.map { finding in
            var object = JSON.members([
                "check": .string(finding.check), "severity": .string(finding.severity.name),
                "what": .string(finding.what),
            ])
            object.set("why", finding.why.map { .string($0) })
            object.set("mend", finding.mend.map { .string($0) })
            return object
        }
        members.append(JSON.Member("findings", .array(list)))
        return JSON.object(members).text
    }
}
