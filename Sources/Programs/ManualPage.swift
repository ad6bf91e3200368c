import ServiceKit

/// A manual page in the macros of man(7).
struct ManualPage {
    let manual: Manual

    var text: String {
        var lines = [
            ".TH \(manual.name.uppercased()) \(manual.section) \"\" \"swift-mesos \(Version.release)\"", ".SH NAME",
            "\(([manual.name] + manual.aliases).map(Self.escaped).joined(separator: ", ")) \\- "
                + Self.escaped(manual.summary), ".SH SYNOPSIS",
        ]
        for (index, name) in ([manual.name] + manual.aliases).enumerated() {
            if index > 0 { lines.append(".br") }
            lines += [".B \(Self.escaped(name))", Self.escaped(manual.synopsis)]
        }
        lines.append(".SH DESCRIPTION")
        lines += manual.description.flatMap { [".PP", Self.escaped($0)] }
        lines += options + withoutEffect
        for section in manual.sections {
            lines.append(".SH \(section.title)")
            for entry in section.entries { lines += Self.entry(entry.term.map(Self.escaped), entry.text) }
        }
        lines += [".SH SEE ALSO", manual.seeAlso.map(Self.escaped).joined(separator: ",\n")]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Flags that are no setting, which `--no-` makes no sense of.
    static let questions: KeyValuePairs = [
        "help": "Prints all flags, and ends.", "version": "Prints the version, and ends.",
    ]

    private var options: [String] {
        let settings = manual.flags.filter { flag in
            flag.isImplemented && !Self.questions.contains { $0.key == flag.name }
        }.sorted { $0.name < $1.name }
        guard !settings.isEmpty else { return [] }
        return [".SH OPTIONS"]
            + settings.flatMap { flag in
                let names = ([flag.name] + flag.aliases).map { form(flag, $0) }.joined(separator: ", ")
                let standard = flag.defaultValue.map { "Default: \($0)." }
                let text = [flag.help, Self.values(flag.kind), standard ?? ""].filter { !$0.isEmpty }
                return Self.entry(names, text.joined(separator: " "))
            } + Self.questions.flatMap { Self.entry("\\fB" + Self.escaped("--\($0.key)") + "\\fR", $0.value) }
    }

    private var withoutEffect: [String] {
        let names = manual.flags.filter { !$0.isImplemented }.map(\.name).sorted()
        guard !names.isEmpty else { return [] }
        return [
            ".SH OPTIONS WITHOUT EFFECT", ".PP",
            "These are taken, so that configurations keep working, and named in a warning. Those that would protect "
                + "something stop the start instead.",
            ".PP", names.map { Self.escaped("--\($0)") }.joined(separator: ",\n"),
        ]
    }

    private func form(_ flag: Flag, _ name: String) -> String {
        let escaped = "\\fB" + Self.escaped("--\(name)") + "\\fR"
        if flag.kind == .bool {
            return manual.style == .mesos
                ? "\\fB" + Self.escaped("--[no-]\(name)") + "\\fR"
                : escaped + ", \\fB" + Self.escaped("--disable_\(name)") + "\\fR"
        }
        return escaped + (manual.style == .mesos ? "=" : " ") + "\\fI\(flag.kind.placeholder)\\fR"
    }

    private static func values(_ kind: Flag.Kind) -> String {
        guard case .oneOf(let names) = kind else { return "" }
        return "One of \(names.joined(separator: ", "))."
    }

    /// A paragraph, or a term with what it means.
    private static func entry(_ term: String?, _ text: String) -> [String] {
        guard let term else { return [".PP", escaped(text)] }
        return [".TP", term, escaped(text)]
    }

    /// Text as it is: nothing of it is markup, and each sign that looks like a hyphen is one that can be copied.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "'": result += "\\(aq"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            case "`": result += "\\(ga"
            default: result.append(character)
            }
        }
        return result.hasPrefix(".") ? "\\&" + result : result
    }
}

extension Flag.Kind {
    /// What stands for a value in a description.
    var placeholder: String {
        switch self {
        case .text, .oneOf: "VALUE"
        case .bool: "true|false"
        case .integer, .number: "NUMBER"
        case .duration: "DURATION"
        case .bytes: "BYTES"
        }
    }
}
