import Testing

@testable import ServiceKit

@Suite("Files of /etc/default, in shell syntax")
struct ShellVariablesTests {
    private func values(_ text: String, environment: [String: String] = [:]) throws(FlagError) -> [String: String] {
        var variables = ShellVariables(environment: environment) { $0 == "/etc/mesos/zk" ? "zk://h:2181/mesos\n" : nil }
        try variables.parse(text, path: "/etc/default/mesos")
        return variables.values
    }

    private func complaint(_ text: String) -> String? {
        do {
            _ = try values(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "A value is what a shell would make of it",
        arguments: [
            ("A=b", "b"), ("A=", ""), ("export A=b", "b"), ("  A=b  # comment", "b"), ("A=b#c", "b#c"),
            ("A=\"-n 8192\"", "-n 8192"), ("A='$B \"c\"'", "$B \"c\""), ("A=a'b'\"c\"d", "abcd"), ("A=b\\ c", "b c"),
            ("A=\"b\\\"c\\d\"", "b\"c\\d"), ("A=b; C=d", "b"), ("A=one\nA=two", "two"), ("A=\"b\nc\"", "b\nc"),
            ("A=b \\\nC=d", "b"), ("B=1; A=$B/${B}x$C", "1/1xenv"), ("A='é ü'", "é ü"), ("A=$", "$"),
            ("A=`cat /etc/mesos/zk`", "zk://h:2181/mesos"), ("A=\"$(cat /etc/mesos/zk)\"", "zk://h:2181/mesos"),
            ("A=b\nexport A", "b"), ("export B=1 A=b\n", "b"), ("A=\"a|b;(c)\"", "a|b;(c)"), ("A=b\r\n", "b"),
        ])
    func value(text: String, expected: String) throws {
        #expect(try values(text, environment: ["C": "env"])["A"] == expected)
    }

    @Test("The machine's name is known")
    func hostname() throws {
        #expect(try values("A=$(hostname)")["A"] == Hostname.machine)
        #expect(try values("A=`hostname -f`")["A"] == Hostname.canonical)
    }

    @Test("Comments and empty lines give nothing")
    func nothing() throws {
        #expect(try values("\n# A=b\n   \n#").isEmpty)
    }

    @Test(
        "What is not known is named with its line",
        arguments: [
            ("A=1\nif true; then", "/etc/default/mesos:2: 'if true; then' is no assignment NAME=VALUE"),
            ("exit 0", "/etc/default/mesos:1: 'exit 0' is no assignment NAME=VALUE"),
            ("A = b", "/etc/default/mesos:1: 'A = b' is no assignment NAME=VALUE"),
            ("\nA=`curl x`", "the command 'curl x' is not run"), ("A=$(cat /absent)", "cannot read the file /absent"),
            ("A=\"b", "a quote \" is not closed"), ("A='b", "''' is missing"), ("A=`b", "'`' is missing"),
            ("A=${B:-c}", "'${B:-c}' is not known here"), ("A=b|c", "'|' of the shell is not known here"),
        ])
    func unknown(text: String, expected: String) throws {
        let found = try #require(complaint(text))
        #expect(found.contains(expected), "\(found)")
        #expect(found.hasPrefix("/etc/default/mesos:"))
    }

    @Test("Later files count more, and may use what earlier ones gave")
    func files() throws {
        let directory = try TemporaryDirectory()
        try directory.write("mesos", "LOGS=/var/log/mesos\nPORT=1\n")
        try directory.write("mesos-master", "PORT=2\nCLUSTER=$LOGS\n")
        var variables = ShellVariables()
        for name in ["mesos", "absent", "mesos-master"] { try variables.read("\(directory.path)/\(name)") }
        #expect(variables.values == ["LOGS": "/var/log/mesos", "PORT": "2", "CLUSTER": "/var/log/mesos"])
        #expect(variables.source("PORT") == "\(directory.path)/mesos-master: PORT")
        #expect(throws: FlagError.self) { try variables.read(directory.path) }
    }

    @Test("Limits are those of the shell's ulimit, in its units")
    func limits() throws {
        let limits = try ShellLimits(parsing: "-n 8192 -c unlimited  -l 64", source: "x: ULIMIT").limits
        #expect(limits.map(\.option) == ["-n", "-c", "-l"])
        #expect(limits.map(\.value) == [8192, nil, 65_536])
    }

    @Test(
        "Limits that are none are named", arguments: ["8192", "-n", "-n many", "-z 1", "-n 8192 -c", "-nn 1", "-n -1"])
    func badLimits(text: String) {
        #expect(throws: FlagError.self) { try ShellLimits(parsing: text, source: "x: ULIMIT") }
    }
}
