import CLinux
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// One program under several names: its name, or its first argument, says which it is.
@main
enum Main {
    private static let programs: [String: @Sendable ([String]) async throws -> Void] = [
        "mesos-coordinator": CoordinatorProgram.run,
        "mesos-master": MasterProgram.run,
        "mesos-agent": AgentProgram.run,
        "mesos-slave": AgentProgram.run,
        "marathon": MarathonProgram.run,
        "mesos-local": LocalProgram.run,
        "mesos": MesosProgram.run,
        "mesos-hello": HelloProgram.run,
    ]

    /// What the packages are made with.
    private static let hidden: [String: @Sendable ([String]) async throws -> Void] = [
        "man": DocumentationProgram.manual, "completion": DocumentationProgram.completion,
    ]

    static func main() async {
        clinux_buffer_output_by_line()
        // From the first moment on: a signal during the start is taken when the start is done.
        _ = clinux_signal_pipe()
        var arguments = CommandLine.arguments
        var name = arguments.removeFirst().split(separator: "/").last.map(String.init) ?? ""
        if programs[name] == nil, let first = arguments.first, programs[first] != nil { name = arguments.removeFirst() }
        if programs[name] == nil, let first = arguments.first, hidden[first] != nil { name = arguments.removeFirst() }
        guard let program = programs[name] ?? hidden[name] else {
            let known = programs.keys.sorted().joined(separator: ", ")
            Self.fail("\(name): call this program by one of its names, or give one as the first argument: \(known)")
        }
        do {
            try await program(arguments)
        } catch let exit as ProgramExit {
            Self.fail(exit.description, status: exit.status)
        } catch {
            Self.fail("\(error)")
        }
    }

    static func fail(_ message: String, status: Int32 = 1) -> Never {
        clinux_print_error(ServiceLog.fatalText(message))
        exit(status)
    }
}

/// Why a program ends, when its exit status tells it too.
struct ProgramExit: Error, CustomStringConvertible {
    let status: Int32
    let description: String
}
