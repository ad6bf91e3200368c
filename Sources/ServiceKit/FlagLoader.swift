/// Reads a program's flags from all places they can stand in, highest precedence first: the command line, the
/// environment, files named like flags in the configuration directories, the variables of the files in `/etc/default`.
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
    private let shellFlags: [String: String]
    private let folders: Set<String>
    private let byName: [String: Flag]

    /// `shellFlags` are the variables of `/etc/default` without prefix that are flags, such as `ZK`; `folders` the flags
    /// that a folder may stand for, of one file for each of their parts.
    public init(
        program: String, flags: [Flag], style: Style = .mesos, environmentPrefix: String = "MESOS_",
        shellFlags: [String: String] = [:], folders: Set<String> = []
    ) {
        self.program = program
        self.flags = flags
        self.style = style
        self.environmentPrefix = environmentPrefix
        self.shellFlags = shellFlags
        self.folders = folders
        var byName: [String: Flag] = [:]
        for flag in flags {
            for name in [flag.name] + flag.aliases { byName[name] = flag }
        }
        self.byName = byName
    }

    /// Loads and checks all flags. `directories` come lowest precedence last.
    public func load(
        arguments: [String], environment: [String: String], directories: [String] = [],
        defaults: ShellVariables = ShellVariables()
    ) throws(FlagError) -> FlagValues {
        var given = try commandLine(arguments)
        func add(_ values: [String: String]) { given.merge(values) { first, _ in first } }
        add(try fromEnvironment(environment, source: { $0 }))
        for directory in directories { add(try fromFiles(in: directory)) }
        add(try fromShell(defaults))
        add(try fromEnvironment(defaults.values, source: defaults.source))
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
    private func fromEnvironment(
        _ environment: [String: String], source: (String) -> String
    ) throws(FlagError) -> [String: String] {
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
            let (flag, checked) = try resolve(name, text, source: source(variable))
            guard given[flag.name] == nil else {
                throw FlagError("\(program): \(source(variable)): flag '\(flag.name)' is already given")
            }
            given[flag.name] = checked
        }
        return given
    }

    /// The variables of `/etc/default` that are flags under a name of their own; an empty one is none.
    private func fromShell(_ defaults: ShellVariables) throws(FlagError) -> [String: String] {
        var given: [String: String] = [:]
        for (variable, name) in shellFlags {
            guard let value = defaults.values[variable], !value.isEmpty else { continue }
            let (flag, checked) = try resolve(name, value, source: defaults.source(variable))
            given[flag.name] = checked
        }
        return given
    }

    /// Each file is a flag; `?name` is one without a value. Folders are passed over, but for those that are flags.
    private func fromFiles(in directory: String) throws(FlagError) -> [String: String] {
        var given: [String: String] = [:]
        for file in Self.configurationFiles(in: directory) {
            let path = "\(directory)/\(file)"
            let isSwitch = file.hasPrefix("?")
            let name = isSwitch ? String(file.dropFirst()) : file
            // The original's wrapper takes this one itself: whether it passes the log on.
            if name == "no-logger" || name == "logger" { continue }
            var value: String?
            if SmallFile.isDirectory(path) {
                guard folders.contains(file) else { continue }
                value = try Self.parts(in: path, program)
            } else {
                value = try Self.content(path, program)
            }
            guard isSwitch || value != nil else { continue }
            let (flag, checked) = try resolve(name, isSwitch ? nil : value, source: path)
            given[flag.name] = checked
        }
        return given
    }

    /// Hidden files, and what dpkg and editors leave beside a file, are no configuration.
    private static func configurationFiles(in directory: String) -> [String] {
        SmallFile.names(in: directory).sorted().filter { name in
            !name.hasPrefix(".") && !name.hasSuffix("~") && !name.contains(".dpkg-") && !name.contains(".ucf-")
        }
    }

    /// The value in a file, without its lines of comment; nil when there is nothing else in it.
    private static func content(_ path: String, _ program: String) throws(FlagError) -> String? {
        guard let content = SmallFile.read(path) else {
            throw FlagError(
                "\(program): \(path): cannot be read: it has to be a file that this program's user may read")
        }
        let lines = content.split(separator: "\n", omittingEmptySubsequences: false)
        let rest = lines.filter { !$0.hasPrefix("#") }
        let value = SmallFile.trimmed(rest.joined(separator: "\n"))
        return value.isEmpty && rest.count < lines.count ? nil : value
    }

    /// `name:content` of each file in a folder; nil when there is none.
    private static func parts(in directory: String, _ program: String) throws(FlagError) -> String? {
        var parts: [String] = []
        for file in configurationFiles(in: directory) {
            guard let value = try content("\(directory)/\(file)", program), !value.isEmpty else { continue }
            parts.append("\(file):\(value)")
        }
        return parts.isEmpty ? nil : parts.joined(separator: ";")
    }

    /// How many letters differ, counted place by place: enough to name the likely flag in an error.
    private func distance(_ left: String, _ right: String) -> Int {
        zip(left, right).count { $0 != $1 } + abs(left.count - right.count)
    }
}
