import ServiceKit

/// `mesos-programs man PROGRAM` and `mesos-programs completion SHELL PROGRAM`: what the packages bring besides the
/// programs, made of their flags.
enum DocumentationProgram {
    static func manual(_ arguments: [String]) throws {
        guard arguments.count == 1 else { throw FlagError("man: expected one program: \(names)") }
        print(ManualPage(manual: try find(arguments[0])).text, terminator: "")
    }

    static func completion(_ arguments: [String]) throws {
        guard arguments.count == 2, let shell = Completion(rawValue: arguments[0]) else {
            throw FlagError("completion: expected a shell (bash, zsh, fish) and a program: \(names)")
        }
        print(shell.script(try find(arguments[1])), terminator: "")
    }

    private static var names: String { Manual.all.map(\.name).joined(separator: ", ") }

    private static func find(_ name: String) throws -> Manual {
        guard let manual = Manual.all.first(where: { $0.name == name }) else {
            throw FlagError("\(name): there is no manual of it: expected \(names)")
        }
        return manual
    }
}
