import Testing

@testable import ServiceKit

@Suite("Loading flags as Marathon spells them")
struct MarathonFlagsTests {
    private let loader = FlagLoader(
        program: "marathon",
        flags: [
            Flag("master"), Flag("http_port", .integer(0...65535), default: "8080"), Flag("ha", .bool, default: "true"),
            Flag("checkpoint", .bool, default: "true"), Flag("disable_http", .bool),
        ], style: .marathon, environmentPrefix: "MARATHON_")

    private func load(
        _ arguments: [String] = [], environment: [String: String] = [:], directories: [String] = []
    ) throws(FlagError) -> FlagValues {
        try loader.load(arguments: arguments, environment: environment, directories: directories)
    }

    @Test("A value stands behind a blank or an equals sign")
    func values() throws {
        let values = try load(["--master", "zk://h:2181/mesos", "--http_port=1"])
        #expect(values.text("master") == "zk://h:2181/mesos")
        #expect(values.integer("http_port") == 1)
    }

    @Test("A boolean takes no value behind a blank")
    func booleanBeforeOthers() throws {
        let values = try load(["--ha", "--master", "m"])
        #expect(values.bool("ha"))
        #expect(values.text("master") == "m")
    }

    @Test("disable_ turns a boolean off, also where a flag's own name starts so")
    func disable() throws {
        let values = try load(["--disable_ha", "--disable_http"])
        #expect(!values.bool("ha"))
        #expect(values.bool("disable_http"))
        #expect(values.bool("checkpoint"))
        #expect(throws: FlagError.self) { try load(["--disable_master"]) }
        #expect(throws: FlagError.self) { try load(["--disable_nonsense"]) }
        #expect(throws: FlagError.self) { try load(["--no-ha"]) }
    }

    @Test("Giving a boolean both ways is an error")
    func bothWays() {
        #expect(throws: FlagError.self) { try load(["--ha", "--disable_ha"]) }
        #expect(throws: FlagError.self) { try load(environment: ["MARATHON_HA": "", "MARATHON_DISABLE_HA": ""]) }
    }

    @Test("An empty variable switches a boolean on, or off with DISABLE_")
    func environment() throws {
        let values = try load(environment: [
            "MARATHON_MASTER": "m", "MARATHON_DISABLE_HTTP": "", "MARATHON_DISABLE_HA": "", "MARATHON_CHECKPOINT": "",
            "MESOS_MASTER": "other",
        ])
        #expect(values.text("master") == "m")
        #expect(values.bool("disable_http"))
        #expect(!values.bool("ha"))
        #expect(values.bool("checkpoint"))
    }

    @Test("Variables that name no flag are ignored", arguments: ["MARATHON_APP_ID", "MARATHON_DISABLE_NOTHING_KNOWN"])
    func foreignVariables(name: String) throws {
        #expect(try load(environment: [name: "x"]).text("master") == nil)
    }

    @Test("The command line wins over the environment, which wins over files")
    func precedence() throws {
        let directory = try TemporaryDirectory()
        try directory.write("master", "file\n")
        try directory.write("http_port", "3")
        try directory.write("?disable_ha", "")
        let environment = ["MARATHON_MASTER": "environment", "MARATHON_HTTP_PORT": "2"]
        let values = try load(["--http_port", "1"], environment: environment, directories: [directory.path])
        #expect(values.integer("http_port") == 1)
        #expect(values.text("master") == "environment")
        #expect(!values.bool("ha"))
    }

    @Test("A value is taken as it stands: file:// means nothing here")
    func fileValue() throws {
        #expect(try load(["--master", "file:///etc/passwd"]).text("master") == "file:///etc/passwd")
    }

    @Test("A flag without its value stops the start")
    func missingValue() {
        #expect(throws: FlagError.self) { try load(["--master"]) }
    }
}
