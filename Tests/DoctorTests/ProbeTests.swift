import ServiceKit
import Testing

@testable import Doctor

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

@Suite("Looking at the machine")
struct ProbeTests {
    @Test("Work that never ends is left behind at its deadline")
    func deadline() async {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        let answer = await Probe.look(within: .zero) {
            var byte: UInt8 = 0
            return Observed.seen(read(reader, &byte, 1))
        }
        #expect(answer == .unseen("no answer within 0 s"))
        close(writer)
    }

    @Test("Work that ends in time gives its answer")
    func answer() async {
        #expect(await Probe.look { Observed.seen(7) } == .seen(7))
    }

    @Test("A program's output, or its complaint, or that it does not end")
    func command() {
        func output(_ script: String, within limit: Duration = .seconds(10)) -> Observed<String> {
            Command.output("/bin/sh", ["-c", script], within: limit)
        }
        #expect(output("echo one; echo two >&2") == .seen("one\n"))
        #expect(output("echo no >&2; exit 1") == .unseen("/bin/sh: no"))
        #expect(output(":") == .unseen("/bin/sh: it wrote nothing"))
        #expect(output("exec sleep 100", within: .zero) == .unseen("/bin/sh did not end within 0 s"))
        #expect(Command.output("/no/such", [], within: .zero) == .unseen("/no/such: No such file or directory"))
    }

    @Test("An HTTP answer, and the time it tells")
    func page() {
        let text = "HTTP/1.0 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX: y\r\n\r\n{}"
        let page = WebPage(text, now: Timestamp(nanoseconds: 784_111_770_900_000_000))
        #expect(page?.status == 200)
        #expect(page?.body == "{}")
        #expect(page?.skewSeconds == 7)
        #expect(WebPage("HTTP/1.1 503 Busy\r\n\r\n", now: Timestamp(nanoseconds: 0))?.skewSeconds == nil)
        for wrong in ["", "220 ESMTP\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1\r\n\r\n"] {
            #expect(WebPage(wrong, now: Timestamp(nanoseconds: 0)) == nil)
        }
    }

    @Test("Each ensemble is looked at once: services share it when servers, user and path are the same")
    func ensembles() {
        func configuration(masters: String?, state: String? = nil) -> ServiceConfiguration {
            var configuration = ServiceConfiguration(settings: ServiceSettings(port: 0))
            configuration.mastersURL = masters
            configuration.stateURL = state
            return configuration
        }
        let found = Ensembles([
            (.master, configuration(masters: "zk://a:2181,b:2181/mesos")),
            (.agent, configuration(masters: "zk://a:2181,b:2181/other")),
            (.marathon, configuration(masters: "zk://a,b/mesos/", state: "zk://u:p@a,b/marathon")),
            (.coordinator, configuration(masters: "nonsense", state: "zk://a,b/x")),
        ]).all
        #expect(found.map(\.path) == ["/mesos", "/other", nil])
        #expect(found.map(\.usedBy) == [[.master, .marathon, .coordinator], [.agent], [.marathon]])
        #expect(found.map(\.credentials) == [nil, nil, "u:p"])
    }

    @Test("The name that is told is the one given, that of the address, or the machine's")
    func toldName() {
        var settings = ServiceSettings(port: 0)
        #expect(NetworkNames.told(settings) == Hostname.machine)
        settings.namesItsAddress = true
        settings.looksUpHostname = false
        settings.address = "10.0.0.1"
        #expect(NetworkNames.told(settings) == "10.0.0.1")
        settings.advertisedAddress = "10.0.0.2"
        #expect(NetworkNames.told(settings) == "10.0.0.2")
        settings.hostname = "one"
        #expect(NetworkNames.told(settings) == "one")
    }
}
