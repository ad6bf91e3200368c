import JSONText
import Testing

@testable import MesosProtocol

@Suite("Mesos's JSON mapping")
struct ProtoJSONTests {
    private func survives<M: ProtoMessage>(_ message: M) throws {
        let text = message.jsonText
        #expect(try M(jsonText: text).jsonText == text)
    }

    @Test("Messages that use everything are read from their own text as they were")
    func roundTrips() throws {
        try survives(try Samples.task())
        try survives(try Samples.framework())
        try survives(try Samples.accept())
        try survives(Samples.status)
        let events: [SchedulerAPI.Event] = [
            .with { $0.type = .heartbeat }, .with { $0.update = .with { $0.status = Samples.status } },
            .with { $0.failure = .with { $0.status = -1 } },
        ]
        for event in events { try survives(event) }
    }

    @Test("Defaults that the schema declares are written though unset, unless deprecated")
    func defaults() throws {
        let framework = Mesos.FrameworkInfo.with {
            $0.user = "u"
            $0.name = "n"
        }
        #expect(framework.jsonText == #"{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}"#)
        #expect(framework.failoverTimeout == nil)
        #expect(framework.roleOrDefault == "*")
        let address = Mesos.NetworkInfo.IPAddress.with { $0.ipAddress = "127.0.0.1" }
        #expect(address.jsonText == #"{"protocol":"IPv4","ip_address":"127.0.0.1"}"#)
    }

    @Test("An enum value that v1 lacks disappears from what is written")
    func hidden() throws {
        var info = Mesos.MasterInfo()
        info.capabilities = [.agentUpdate, .agentDraining, .quotaV2].map { type in .with { $0.type = type } }
        #expect(info.jsonText.hasSuffix(#""capabilities":[{"type":"AGENT_UPDATE"},{"type":"AGENT_DRAINING"},{}]}"#))
        #expect(try Mesos.MasterInfo(protobuf: info.protobuf) == info)
    }

    @Test("Events of a real Mesos 1.11.0 are written again letter for letter", arguments: GoldenEvents.all)
    func golden(text: String) throws {
        #expect(try SchedulerAPI.Event(jsonText: text).jsonText == text)
    }

    @Test("Empty lists and maps are left out, empty messages are not")
    func empty() throws {
        let event = SchedulerAPI.Event.with {
            $0.type = .offers
            $0.offers = .with { $0.offers = [] }
        }
        #expect(event.jsonText == #"{"type":"OFFERS","offers":{}}"#)
    }

    @Test("Map entries are written in the order of their keys")
    func maps() throws {
        let task = Mesos.TaskInfo.with {
            $0.limits = ["mem": .with { $0.value = 2 }, "cpus": .with { $0.value = 1 }]
        }
        #expect(task.jsonText.hasSuffix(#""limits":{"cpus":{"value":1.0},"mem":{"value":2.0}}}"#))
    }

    @Test("Null, unknown names and unknown enum names count as absent")
    func absent() throws {
        let call = try SchedulerAPI.Call(jsonText: #"{"type":"NO_SUCH_CALL","framework_id":null,"bogus":[1,{"a":2}]}"#)
        #expect(call == SchedulerAPI.Call())
    }

    @Test(
        "Numbers may be strings and fractions are cut off",
        arguments: [("5", 5), (#""5""#, 5), ("5.0", 5), ("5.9", 5), ("0", 0), (#""0""#, 0)] as [(String, UInt32)])
    func numbers(text: String, expected: UInt32) throws {
        let json = #"{"host_port":\#(text),"container_port":1}"#
        #expect(try Mesos.NetworkInfo.PortMapping(jsonText: json).hostPort == expected)
    }

    @Test("Numbers as large as their type are read", arguments: ["18446744073709551615", #""18446744073709551615""#])
    func largeNumbers(text: String) throws {
        let json = #"{"begin":9223372036854775807,"end":\#(text)}"#
        let range = try Mesos.Value.Range(jsonText: json)
        #expect(range.begin == 9_223_372_036_854_775_807)
        #expect(range.end == .max)
    }

    @Test("Doubles and booleans may be strings", arguments: [("1.5", "true"), (#""1.5""#, #""true""#)])
    func lenient(number: String, flag: String) throws {
        let json = #"{"user":"u","name":"n","failover_timeout":\#(number),"checkpoint":\#(flag)}"#
        let framework = try Mesos.FrameworkInfo(jsonText: json)
        #expect(framework.failoverTimeout == 1.5)
        #expect(framework.checkpoint == true)
    }

    @Test("An infinite number is the string that Mesos writes")
    func infinity() throws {
        let scalar = Mesos.Value.Scalar.with { $0.value = .infinity }
        #expect(scalar.jsonText == #"{"value":"Infinity"}"#)
        #expect(try Mesos.Value.Scalar(jsonText: scalar.jsonText) == scalar)
    }
}
