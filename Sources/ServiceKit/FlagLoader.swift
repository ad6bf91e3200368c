/// Reads a program's flags from all places they can stand in, highest precedence first: the command line, the
/// environment, files named like flags in the configuration directories.
public struct FlagLoader: Sendable {
    /// How the original spells its flags.
    public enum Style: Sendable {
        /// `--name=value`, `--name`, `--no-name`; `file://` values are read.
        case mesos
        /// `--name value`, `--name=value`, `--name`, `--disable_name`.
        case marathon
    }

    private let program: String
    private let flags: [Flag]
    private let style: Style
    private let environmentPrefix: String
    private let byName: [String: Flag]

    public init(program: String, flags: [Flag], style: Style = .mesos, environmentPrefix: String = "MESOS_") {
        self.program = program
        self.flags = flags
        self.style = style
        self.environmentPrefix = environmentPrefix
        var byName: [String: Flag] = [:]
        for flag in flags {
            for name in [flag.name] + flag.aliases { byName[name] = flag }
        }
        self.byName = byName
    }

    /// Loads and checks all flags. `directories` come lowest precedence last.
    public func load(
        arguments: [String], environment: [String: String], directories: [String] = []
    ) throws(FlagError) -> FlagValues {
        var given = try commandLine(arguments)
        for (name, value) in try fromEnvironment(environment) where given[name] == nil { given[name] = value }
        for directory in directories {
            for (name, value) in try fromFiles(in: directory) where given[name] == nil { given[name] = value }
        }
        return FlagValues(flags: flags, given: given)
    }

    /// All flags with their defaults and help, for `--help`.
    public var usage: String {
        let lines = flags.sorted { $0.name < $1.name }.map { flag in
            "  --\(flag.name)" + (flag.defaultValue.map { " (default: \($0))" } ?? "")
                + (flag.help.isEmpty ? "" : "\n      \(flag.help)")
        }
        return "Usage: \(program) [options]\n\n" + lines.joined(separator: "\n") + "\n"
    }

    private func commandLine(_ arguments: [String]) throws(FlagError) -> [String: String] {
        var given: [String: String] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst(), argument != "--" {
            guard argument.hasPrefix("--") else {
                throw FlagError("\(program): unexpected argument '\(argument)': options start with --")
            }
            let body = argument.dropFirst(2)
            let split = body.firstIndex(of: "=")
            let name = String(body[..<(split ?? body.endIndex)])
            var value = split.map { String(body[body.index(after: $0)...]) }
            if value == nil, style == .marathon, let flag = byName[name], flag.kind != .bool, let next = rest.first {
                value = next
                rest.removeFirst()
            }
            let (flag, text) = try resolve(name, value, source: "--\(name)")
            guard given[flag.name] == nil else {
                throw FlagError("\(program): --\(name): flag '\(flag.name)' is already given")
            }
            given[flag.name] = text
        }
        return given
    }

    /// The flag and its checked value of one `name` or `name=value`, with the negated forms of booleans.
    private func resolve(_ name: String, _ value: String?, source: String) throws(FlagError) -> (Flag, String) {
        if let flag = byName[name] {
            guard let value = value ?? (flag.kind == .bool ? "true" : nil) else {
                throw FlagError("\(program): \(source): a value is missing: --\(name)=VALUE")
            }
            return (flag, try checked(flag, value, source: source))
        }
        let negation = style == .mesos ? "no-" : "disable_"
        if name.hasPrefix(negation), let flag = byName[String(name.dropFirst(negation.count))] {
            guard flag.kind == .bool, value == nil else {
                throw FlagError("\(program): \(source): only a boolean flag without a value can be negated")
            }
            return (flag, "false")
        }
        let near = byName.keys.min { distance($0, name) < distance($1, name) }
        let hint = near.map { ", did you mean --\($0)?" } ?? ""
        throw FlagError("\(program): \(source): unknown flag\(hint)")
    }

    private func checked(_ flag: Flag, _ value: String, source: String) throws(FlagError) -> String {
        var value = value
        if style == .mesos, value.hasPrefix("file://") {
            let path = String(value.dropFirst("file://".count))
            guard let content = SmallFile.read(path) else {
                throw FlagError("\(program): \(source): cannot read the file \(path)")
            }
            value = SmallFile.trimmed(content)
        }
        if let complaint = flag.complaint(about: value) {
            throw FlagError("\(program): \(source): '\(value)' is wrong: \(complaint)")
        }
        return value
    }

    /// Variables of names that are no flags are other programs' and ignored, as in the originals.
    private func fromEnvironment(_ environment: [String: String]) throws(FlagError) -> [String: String] {
        var given: [String: String] = [:]
        for (variable, value) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix(environmentPrefix) {
            let name = variable.dropFirst(environmentPrefix.count).lowercased()
            var text: String? = value
            if style == .marathon, value.isEmpty { text = nil }
            let isNegation = style == .marathon && name.hasPrefix("disable_")
            guard byName[name] != nil || (isNegation && byName[String(name.dropFirst("disable_".count))] != nil) else {
                continue
            }
            let (flag, checked) = try resolve(name, text, source: variable)
            guard given[flag.name] == nil else {
                throw FlagError("\(program): \(variable): flag '\(flag.name)' is already given")
            }
            given[flag.name] = checked
        }
        return given
    }

    /// Each file is a flag; `?name` is one without a value. Hidden files and folders are passed over.
    private func fromFiles(in directory: String) throws(FlagError) -> [String: String] {
        var given: [String: String] = [:]
        for file in SmallFile.names(in: directory).sorted() where !file.hasPrefix(".") {
            let path = "\(directory)/\(file)"
            guard let content = SmallFile.read(path) else { continue }
            let isSwitch = file.hasPrefix("?")
            let name = isSwitch ? String(file.dropFirst()) : file
            let value = isSwitch ? nil : SmallFile.trimmed(content)
            let (flag, checked) = try resolve(name, value, source: path)
            given[flag.name] = checked
        }
        return given
    }

    /// How many letters differ, counted place by place: enough to name the likely flag in an error.
    private func distance(_ left: String, _ right: String) -> Int {
        zip(left, right).count { $0 != $1 } + abs(left.count - right.count)
    }
}
