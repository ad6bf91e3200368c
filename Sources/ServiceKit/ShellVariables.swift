/// The variables of the files in `/etc/default`, which are written in shell syntax: the original packages gave them to a
/// shell. Here of that language are known assignments, quotes, variables and the commands that such files use; anything
/// else is an error with its place, as what is skipped in silence is missed late.
public struct ShellVariables: Sendable {
    /// The last value of each variable.
    public private(set) var values: [String: String] = [:]
    /// The file that gave it.
    private var sources: [String: String] = [:]
    private let environment: [String: String]
    private let readFile: @Sendable (String) -> String?

    /// `environment` holds the variables that a file may use without giving them; `readFile` serves `$(cat FILE)`.
    public init(
        environment: [String: String] = [:], readFile: @escaping @Sendable (String) -> String? = SmallFile.read
    ) {
        self.environment = environment
        self.readFile = readFile
    }

    /// Where a variable was given: `FILE: NAME`.
    func source(_ name: String) -> String { "\(sources[name] ?? "environment"): \(name)" }

    /// Reads a file; one that is not there has no variables.
    public mutating func read(_ path: String) throws(FlagError) {
        do {
            guard let content = try SmallFile.record(path) else { return }
            try parse(String(decoding: content, as: UTF8.self), path: path)
        } catch let error as FlagError {
            throw error
        } catch {
            throw FlagError("\(error)")
        }
    }

    mutating func parse(_ text: String, path: String) throws(FlagError) {
        var reader = ShellReader(text, path: path)
        while let statement = reader.next() {
            switch statement {
            case .export: continue
            case .assignment(let name):
                values[name] = try word(&reader)
                sources[name] = path
            case .unknown(let text): throw reader.complaint("'\(text)' is no assignment NAME=VALUE")
            }
        }
    }

    /// The value of an assignment, from the sign after its name on.
    private func word(_ reader: inout ShellReader) throws(FlagError) -> String {
        var result = ""
        while let piece = try reader.piece() {
            switch piece {
            case .text(let text): result += text
            case .variable(let name): result += values[name] ?? environment[name] ?? ""
            case .command(let command): result += try output(of: command, reader)
            }
        }
        return result
    }

    private func output(of command: String, _ reader: ShellReader) throws(FlagError) -> String {
        let words = command.split(whereSeparator: \.isWhitespace).map(String.init)
        switch words.first {
        case "cat" where words.count == 2, "/bin/cat" where words.count == 2:
            guard let content = readFile(words[1]) else { throw reader.complaint("cannot read the file \(words[1])") }
            return SmallFile.trimmed(content)
        case "hostname" where words.count == 1: return Hostname.machine
        case "hostname" where words[1...] == ["-f"] || words[1...] == ["--fqdn"]: return Hostname.canonical
        case "hostname" where words[1...] == ["-i"]: return Hostname.address
        default:
            throw reader.complaint(
                "the command '\(command)' is not run: write its result, or one of cat FILE, hostname, hostname -f, "
                    + "hostname -i")
        }
    }
}

extension ShellVariables {
    /// Sets the limits that the variable `ULIMIT` asks for, for this process and those it starts.
    public func applyLimits() throws(FlagError) {
        guard let text = values["ULIMIT"] else { return }
        let source = source("ULIMIT")
        try ShellLimits(parsing: text, source: source).apply(source: source)
    }
}
