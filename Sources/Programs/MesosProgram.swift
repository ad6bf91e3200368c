import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// `mesos SUBCOMMAND`: the command line for people.
enum MesosProgram {
    private static let commands: [(name: String, purpose: String, run: @Sendable ([String]) async throws -> Void)] = [
        (
            "doctor", "Says what is wrong with this machine and its configuration, and the command that mends it.",
            DoctorProgram.run
        )
    ]

    static func run(_ arguments: [String]) async throws {
        guard let first = arguments.first else { throw ProgramExit(status: 2, description: usage) }
        if ["--help", "-h", "help"].contains(first) { return print(usage) }
        if first == "--version" { return printVersion() }
        guard let command = commands.first(where: { $0.name == first }) else {
            throw ProgramExit(status: 2, description: "mesos: there is no command '\(first)'\n\n\(usage)")
        }
        // A command ends at Ctrl-C, as one does that has nothing to put in order.
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
        try await command.run(Array(arguments.dropFirst()))
    }

    static func printVersion() { print("mesos \(Version.mesos) (swift-mesos \(Version.release))") }

    private static var usage: String {
        let width = commands.map(\.name.count).max() ?? 0
        let lines = commands.map { command in
            "  \(command.name)" + String(repeating: " ", count: width - command.name.count + 2) + command.purpose
        }
        return "Usage: mesos COMMAND [options]\n\nCommands:\n" + lines.joined(separator: "\n")
            + "\n\n`mesos COMMAND --help` tells the options of a command."
    }
}
