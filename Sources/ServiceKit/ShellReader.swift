/// Takes a text of shell assignments apart (POSIX Shell Command Language, 2.2 quoting and 2.6 word expansions).
struct ShellReader {
    enum Statement: Equatable {
        case export
        /// The reader stands at the value.
        case assignment(String)
        case unknown(String)
    }

    /// A part of a value.
    enum Piece: Equatable {
        case text(String)
        case variable(String)
        case command(String)
    }

    private let characters: [Character]
    private let path: String
    private var index = 0
    private var isQuoted = false

    init(_ text: String, path: String) {
        characters = Array(text)
        self.path = path
    }

    private var current: Character? { index < characters.count ? characters[index] : nil }

    /// An error with the line that the reader is at.
    func complaint(_ reason: String) -> FlagError {
        FlagError("\(path):\(1 + characters[..<min(index, characters.count)].count { $0.isNewline }): \(reason)")
    }

    /// The next statement; nil at the end.
    mutating func next() -> Statement? {
        skipBlanks()
        guard current != nil else { return nil }
        let start = index
        let name = takeName()
        if current == "=", !name.isEmpty {
            index += 1
            return .assignment(name)
        }
        if name == "export", current?.isWhitespace != false { return .export }
        // `export NAME` of a variable that is set: all of them are handed on.
        let isAtEnd = current.map { $0.isWhitespace || $0 == ";" } ?? true
        if !name.isEmpty, isAtEnd, isExported(before: start) { return .export }
        index = start
        return .unknown(takeLine())
    }

    /// The next part of the value that the reader stands at; nil at its end.
    mutating func piece() throws(FlagError) -> Piece? {
        guard let character = current else {
            if isQuoted { throw complaint("a quote \" is not closed") }
            return nil
        }
        if !isQuoted, character.isWhitespace || character == ";" { return nil }
        index += 1
        switch character {
        case "\"":
            isQuoted.toggle()
            return .text("")
        case "'" where !isQuoted: return .text(try take(until: "'"))
        case "`": return .command(try take(until: "`"))
        case "$": return try expansion()
        case "\\": return .text(escaped())
        case "&", "|", "<", ">", "(", ")":
            if isQuoted { return .text(String(character)) }
            throw complaint("'\(character)' of the shell is not known here: quote the value, or write its result")
        default: return .text(String(character))
        }
    }

    private mutating func expansion() throws(FlagError) -> Piece {
        if current == "(" {
            index += 1
            return .command(try take(until: ")"))
        }
        guard current == "{" else {
            let name = takeName()
            return name.isEmpty ? .text("$") : .variable(name)
        }
        index += 1
        let text = try take(until: "}")
        guard !text.isEmpty, text.allSatisfy(Self.isNameCharacter) else {
            throw complaint("'${\(text)}' is not known here: only ${NAME} is")
        }
        return .variable(text)
    }

    /// What a backslash makes of the sign after it; inside quotes it makes something of a few only.
    private mutating func escaped() -> String {
        guard let character = current else { return "\\" }
        index += 1
        if character == "\n" { return "" }
        return isQuoted && !"$`\"\\".contains(character) ? "\\\(character)" : String(character)
    }

    private mutating func take(until end: Character) throws(FlagError) -> String {
        guard let close = characters[index...].firstIndex(of: end) else { throw complaint("'\(end)' is missing") }
        defer { index = close + 1 }
        return String(characters[index..<close])
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character == "_" || character.isASCII && (character.isLetter || character.isNumber)
    }

    private mutating func takeName() -> String {
        let start = index
        guard current?.isNumber != true else { return "" }
        while let character = current, Self.isNameCharacter(character) { index += 1 }
        return String(characters[start..<index])
    }

    private mutating func takeLine() -> String {
        let start = index
        while let character = current, !character.isNewline { index += 1 }
        return SmallFile.trimmed(String(characters[start..<index]))
    }

    private mutating func skipBlanks() {
        while let character = current {
            if character == "#" {
                _ = takeLine()
            } else if character.isWhitespace || character == ";" {
                index += 1
            } else if character == "\\", index + 1 < characters.count, characters[index + 1] == "\n" {
                index += 2
            } else {
                return
            }
        }
    }

    private func isExported(before start: Int) -> Bool {
        let line = characters[..<start].reversed().prefix { !$0.isNewline && $0 != ";" }.reversed()
        return String(line).split(separator: " ").first == "export"
    }
}
