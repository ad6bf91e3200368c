import Foundation
import Testing

@testable import ServiceKit

@Suite("Loading flags as Mesos spells them")
struct FlagLoaderTests {
    static let flags = [
        Flag("ip", default: "0.0.0.0"), Flag("port", .integer(0...65535), default: "5050"),
        Flag("switch_user", .bool, default: "true"), Flag("hostname_lookup", .bool), Flag("factor", .number),
        Flag("ping_timeout", .duration, default: "15secs", aliases: ["slave_ping_timeout"]), Flag("size", .bytes),
        Flag("registry", .oneOf(["replicated_log", "in_memory"])), Flag("quiet", .bool, implemented: false),
        Flag("weights", implemented: false),
    ]

    private func load(
        _ arguments: [String] = [], environment: [String: String] = [:], directories: [String] = []
    ) throws(FlagError) -> FlagValues {
        let loader = FlagLoader(program: "mesos-test", flags: Self.flags)
        return try loader.load(arguments: arguments, environment: environment, directories: directories)
    }

    private func complaint(_ arguments: [String] = [], environment: [String: String] = [:], directories: [String] = [])
        -> String?
    {
        do {
            _ = try load(arguments, environment: environment, directories: directories)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("A flag not given has its default")
    func defaults() throws {
        let values = try load()
        #expect(values.text("ip") == "0.0.0.0")
        #expect(values.integer("port") == 5050)
        #expect(values.duration("ping_timeout") == .seconds(15))
        #expect(values.bool("switch_user"))
        #expect(!values.bool("hostname_lookup"))
        #expect(values.text("weights") == nil)
        #expect(!values.isGiven("ip"))
    }

    @Test("Every form of the command line")
    func commandLine() throws {
        let values = try load([
            "--ip=10.0.0.1", "--port=0", "--no-switch_user", "--hostname_lookup", "--factor=0.8", "--size=64MB",
            "--registry=in_memory", "--ping_timeout=1mins",
        ])
        #expect(values.text("ip") == "10.0.0.1")
        #expect(values.integer("port") == 0)
        #expect(!values.bool("switch_user"))
        #expect(values.bool("hostname_lookup"))
        #expect(values.number("factor") == 0.8)
        #expect(values.bytes("size") == 67_108_864)
        #expect(values.text("registry") == "in_memory")
        #expect(values.duration("ping_timeout") == .seconds(60))
        #expect(values.isGiven("ip"))
    }

    @Test("Booleans are words or digits", arguments: [("true", true), ("1", true), ("false", false), ("0", false)])
    func booleans(text: String, expected: Bool) throws {
        #expect(try load(["--switch_user=\(text)"]).bool("switch_user") == expected)
        #expect(try load(environment: ["MESOS_SWITCH_USER": text]).bool("switch_user") == expected)
    }

    @Test("A value may hold an equals sign and may be empty")
    func oddValues() throws {
        let values = try load(["--ip=a=b", "--weights="])
        #expect(values.text("ip") == "a=b")
        #expect(values.text("weights")?.isEmpty == true)
    }

    @Test("Parsing stops at two dashes")
    func doubleDash() throws {
        let values = try load(["--port=1", "--", "--port=2", "rest"])
        #expect(values.integer("port") == 1)
    }

    @Test("An alias counts as its flag")
    func alias() throws {
        #expect(try load(["--slave_ping_timeout=2secs"]).duration("ping_timeout") == .seconds(2))
        #expect(try load(environment: ["MESOS_SLAVE_PING_TIMEOUT": "3secs"]).duration("ping_timeout") == .seconds(3))
    }

    @Test("A flag given twice stops the start, also once under its alias")
    func duplicates() {
        #expect(complaint(["--port=1", "--port=2"]) == "mesos-test: --port: flag 'port' is already given")
        #expect(
            complaint(["--ping_timeout=1secs", "--slave_ping_timeout=1secs"])
                == "mesos-test: --slave_ping_timeout: flag 'ping_timeout' is already given")
        #expect(complaint(["--switch_user", "--no-switch_user"]) != nil)
    }

    @Test("An unknown flag stops the start and the likely one is named")
    func unknown() {
        #expect(complaint(["--prot=1"]) == "mesos-test: --prot: unknown flag, did you mean --port?")
        #expect(complaint(["--no-prot"])?.contains("unknown flag") == true)
        #expect(complaint(["port"]) == "mesos-test: unexpected argument 'port': options start with --")
        #expect(complaint(["-port=1"])?.contains("unexpected argument") == true)
    }

    @Test(
        "A bad value stops the start and says what is expected",
        arguments: [
            ("--port=70000", "'70000' is wrong: expected a whole number from 0 to 65535"),
            ("--port=x", "'x' is wrong: expected a whole number from 0 to 65535"),
            ("--switch_user=yes", "'yes' is wrong: expected true, false, 1 or 0"),
            ("--factor=big", "'big' is wrong: expected a number"),
            ("--ping_timeout=15", "'15' is wrong: expected a duration such as 15secs or 1.5mins"),
            ("--size=64", "'64' is wrong: expected an amount such as 64MB"),
            ("--registry=disk", "'disk' is wrong: expected one of replicated_log, in_memory"),
        ])
    func badValue(argument: String, expected: String) throws {
        let name = try #require(argument.split(separator: "=").first)
        #expect(complaint([argument]) == "mesos-test: \(name): \(expected)")
    }

    @Test("A value is missing")
    func missingValue() {
        #expect(complaint(["--port"]) == "mesos-test: --port: a value is missing: --port=VALUE")
    }

    @Test("Only a boolean without a value can be negated", arguments: ["--no-port", "--no-switch_user=true"])
    func negation(argument: String) {
        #expect(complaint([argument])?.contains("only a boolean flag without a value can be negated") == true)
    }

    @Test("The environment counts below the command line; other programs' variables are ignored")
    func environment() throws {
        let environment = ["MESOS_IP": "10.0.0.2", "MESOS_PORT": "1", "MESOS_NATIVE_JAVA_LIBRARY": "x", "PORT": "9"]
        let values = try load(["--port=2"], environment: environment)
        #expect(values.text("ip") == "10.0.0.2")
        #expect(values.integer("port") == 2)
        #expect(
            complaint(environment: ["MESOS_PORT": "x"])
                == "mesos-test: MESOS_PORT: 'x' is wrong: expected a whole number from 0 to 65535")
    }

    @Test("Files named like flags count below the environment, earlier directories above later ones")
    func files() throws {
        let first = try TemporaryDirectory()
        let second = try TemporaryDirectory()
        try first.write("ip", " 10.0.0.3\n")
        try first.write("?no-switch_user", "")
        try first.write("?hostname_lookup", "ignored")
        try first.write(".port", "not read")
        try second.write("ip", "10.0.0.4")
        try second.write("port", "3\n")
        try second.write("size", "1KB")
        let values = try load(
            environment: ["MESOS_SIZE": "2KB"], directories: [first.path, second.path, "/nonexistent"])
        #expect(values.text("ip") == "10.0.0.3")
        #expect(values.integer("port") == 3)
        #expect(values.bytes("size") == 2048)
        #expect(!values.bool("switch_user"))
        #expect(values.bool("hostname_lookup"))
    }

    @Test("Comments in a file are no value, and a file of comments alone gives none")
    func comments() throws {
        let directory = try TemporaryDirectory()
        try directory.write("ip", "# The address:\n10.0.0.5\n")
        try directory.write("port", "# An example:\n# 5055\n")
        try directory.write("weights", "")
        let values = try load(directories: [directory.path])
        #expect(values.text("ip") == "10.0.0.5")
        #expect(!values.isGiven("port"))
        #expect(values.text("weights")?.isEmpty == true)
    }

    @Test("What dpkg and editors leave beside a file is passed over, and so is the wrapper's own switch")
    func leftovers() throws {
        let directory = try TemporaryDirectory()
        for name in ["ip.dpkg-dist", "ip.dpkg-old", "ip.ucf-dist", "ip~", ".ip.swp", "?no-logger"] {
            try directory.write(name, "x")
        }
        #expect(try !load(directories: [directory.path]).isGiven("ip"))
    }

    @Test("A file that cannot be read stops the start")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        #expect(symlink("/absent", "\(directory.path)/ip") == 0)
        #expect(
            complaint(directories: [directory.path])?.hasPrefix("mesos-test: \(directory.path)/ip: cannot be read")
                == true)
    }

    @Test("A folder may stand for a flag of parts, each file of it for one")
    func folders() throws {
        let directory = try TemporaryDirectory()
        for name in ["weights", "ip"] { #expect(mkdir("\(directory.path)/\(name)", 0o755) == 0) }
        try directory.write("weights/rack", "r1\n")
        try directory.write("weights/os", " debian\n")
        try directory.write("weights/empty", "")
        try directory.write("weights/rack.dpkg-old", "r0")
        let loader = FlagLoader(program: "mesos-test", flags: Self.flags, folders: ["weights"])
        let values = try loader.load(arguments: [], environment: [:], directories: [directory.path])
        #expect(values.text("weights") == "os:debian;rack:r1")
        #expect(!values.isGiven("ip"))
    }

    @Test("Variables of /etc/default count below files: those with a flag of their own, then those with the prefix")
    func shellVariables() throws {
        let directory = try TemporaryDirectory()
        try directory.write("port", "3")
        var variables = ShellVariables()
        try variables.parse("IP=10.0.0.6\nPORT=4\nMESOS_IP=10.0.0.7\nMESOS_SIZE=1KB\nZK=\n", path: "/d")
        let loader = FlagLoader(
            program: "mesos-test", flags: Self.flags, shellFlags: ["IP": "ip", "PORT": "port", "ZK": "weights"])
        let values = try loader.load(
            arguments: [], environment: [:], directories: [directory.path], defaults: variables)
        #expect(values.text("ip") == "10.0.0.6")
        #expect(values.integer("port") == 3)
        #expect(values.bytes("size") == 1024)
        #expect(!values.isGiven("weights"))
        try variables.parse("PORT=x", path: "/d")
        let error = #expect(throws: FlagError.self) {
            try loader.load(arguments: [], environment: [:], defaults: variables)
        }
        #expect(
            error?.description
                == "mesos-test: /d: PORT: 'x' is wrong: expected a whole number from 0 to 65535")
    }

    @Test("An error in a file names the file")
    func badFile() throws {
        let directory = try TemporaryDirectory()
        try directory.write("prot", "1")
        #expect(
            complaint(directories: [directory.path])
                == "mesos-test: \(directory.path)/prot: unknown flag, did you mean --port?")
    }

    @Test("A value file://path is the content of that file")
    func fileValues() throws {
        let directory = try TemporaryDirectory()
        try directory.write("secret", "dev=2.5\n")
        let values = try load(["--weights=file://\(directory.path)/secret"])
        #expect(values.text("weights") == "dev=2.5")
        #expect(
            complaint(["--weights=file://\(directory.path)/absent"])
                == "mesos-test: --weights: cannot read the file \(directory.path)/absent")
    }

    @Test("Flags without effect are named")
    func withoutEffect() throws {
        #expect(try load(["--weights=a", "--quiet", "--port=1"]).withoutEffect == ["quiet", "weights"])
    }

    @Test("All flags with a value are listed by name, durations in their largest unit")
    func all() throws {
        var values = try load(["--ping_timeout=60secs", "--quiet=1"])
        values.provide("factor", "0.5")
        values.provide("ping_timeout", "1secs")
        let listed = values.all.map { "\($0.name)=\($0.value)" }
        #expect(
            listed == ["factor=0.5", "ip=0.0.0.0", "ping_timeout=1mins", "port=5050", "quiet=true", "switch_user=true"])
    }

    @Test("The usage names every flag, its default and its help")
    func usage() {
        let loader = FlagLoader(program: "p", flags: [Flag("b", default: "1", "Second."), Flag("a")])
        #expect(loader.usage == "Usage: p [options]\n\n  --a\n  --b (default: 1)\n      Second.\n")
    }
}
