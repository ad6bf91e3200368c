import Foundation
import ServiceKit
import Testing

@testable import Programs

@Suite("Manual pages and completions")
struct ManualTests {
    @Test("A page names every flag, with its values and default", arguments: Manual.all.map(\.name))
    func page(name: String) throws {
        let manual = try #require(Manual.all.first { $0.name == name })
        let page = ManualPage(manual: manual).text
        for flag in manual.flags {
            let escaped = flag.name.split(separator: "-", omittingEmptySubsequences: false).joined(separator: "\\-")
            #expect(page.contains(escaped), "\(flag.name)")
        }
        #expect(page.hasPrefix(".TH \(name.uppercased()) "))
        // No line starts with a sign of markup that is none.
        let commands: Set<Substring> = [".TH", ".SH", ".PP", ".TP", ".B", ".br"]
        for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            #expect(commands.contains(line.prefix { $0 != " " }), "\(line)")
        }
    }

    @Test("Signs that are markup are escaped")
    func escapes() {
        #expect(ManualPage.escaped("a-b\\c 'd' ~^`") == "a\\-b\\ec \\(aqd\\(aq \\(ti\\(ha\\(ga")
        #expect(ManualPage.escaped(".x") == "\\&.x")
    }

    @Test("A script of each shell completes every flag", arguments: Completion.allCases)
    func completion(shell: Completion) {
        for manual in Manual.all {
            let script = shell.script(manual)
            for command in manual.commands { #expect(script.contains(command), "\(manual.name) \(command)") }
            for flag in manual.flags { #expect(script.contains(flag.name), "\(manual.name) --\(flag.name)") }
        }
        let script = shell.script(.master)
        #expect(script.contains("replicated_log in_memory"))
        #expect(script.contains("no-hostname_lookup"))
    }

    @Test("Bash takes the script, and completes flags and their values")
    func bash() throws {
        let script = Completion.bash.script(.agent)
        let test = """
            \(script)
            COMP_WORDS=(mesos-slave --regi); COMP_CWORD=1; compopt() { :; }; _mesos_agent; echo "${COMPREPLY[*]}"
            COMP_WORDS=(mesos-slave --recover =); COMP_CWORD=2; _mesos_agent; echo "${COMPREPLY[*]}"
            COMP_WORDS=(mesos-slave --recover = cl); COMP_CWORD=3; _mesos_agent; echo "${COMPREPLY[*]}"
            """
        let output = try run(["/bin/bash", "-euc", test])
        #expect(output == "--registration_backoff_factor=\nreconnect cleanup\ncleanup\n")
    }

    @Test("Bash completes the commands of a program that has some, and flags behind them")
    func commands() throws {
        #expect(Manual.coordinator.commands == ["import", "export", "dump", "verify", "status"])
        let test = """
            \(Completion.bash.script(.command))
            \(Completion.bash.script(.coordinator))
            COMP_WORDS=(mesos ''); COMP_CWORD=1; compopt() { :; }; _mesos; echo "${COMPREPLY[*]}"
            COMP_WORDS=(mesos doctor --j); COMP_CWORD=2; _mesos; echo "${COMPREPLY[*]}"
            COMP_WORDS=(mesos-coordinator ex); COMP_CWORD=1; _mesos_coordinator; echo "${COMPREPLY[*]}"
            """
        #expect(try run(["/bin/bash", "-euc", test]) == "doctor\n--json\nexport\n")
    }

    private func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
