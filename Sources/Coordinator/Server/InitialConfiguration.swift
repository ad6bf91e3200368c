import ServiceKit

/// The zoo.cfg that a server was started with, as `initial_configuration` shows it to whoever asks.
enum InitialConfiguration {
    /// The text without what is secret: passwords, and the digest that makes its owner the super user.
    static func shown(_ text: String) -> String {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { line in
            guard let equals = line.firstIndex(of: "=") else { return String(line) }
            let key = SmallFile.trimmed(String(line[..<equals])).lowercased()
            let isSecret = key.contains("password") || key.contains("superdigest")
            return isSecret ? line[...equals] + "xxxxxxxx" : String(line)
        }.joined(separator: "\n")
    }
}
