import JSONText
import Testing

@testable import MesosProtocol

@Suite("The protobuf wire format")
struct ProtobufTests {
    private func survives<M: ProtoMessage>(_ message: M) throws {
        #expect(try M(protobuf: message.protobuf) == message)
    }

    @Test("Messages that use everything read back equal")
    func roundTrips() throws {
        try survives(try Samples.task())
        try survives(try Samples.framework())
        try survives(try Samples.accept())
        try survives(try Samples.reregistration())
        try survives(Samples.status)
        try survives(SchedulerAPI.Event.with { $0.type = .heartbeat })
        try survives(Internal.PongSlaveMessage())
    }

    @Test("Messages of a real Mesos 1.11.0 are written again byte for byte")
    func golden() throws {
        for (type, base64) in GoldenMessages.all {
            let bytes = try #require(Base64.decode(base64))
            #expect(try type.init(protobuf: bytes).protobuf == bytes)
        }
    }

    @Test("Fields have their number, wire type and shortest length")
    func bytes() {
        #expect(Mesos.TaskID("ab").protobuf == [0x0a, 2, 0x61, 0x62])
        #expect(Mesos.Value.Scalar.with { $0.value = 1 }.protobuf == [9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f])
        #expect(Mesos.Value.Range.with { $0.end = 300 }.protobuf == [8, 0, 0x10, 0xac, 2])
        #expect(Internal.PingSlaveMessage.with { $0.connected = true }.protobuf == [8, 1])
        #expect(
            Mesos.DurationInfo.with { $0.nanoseconds = -1 }.protobuf == [8] + [UInt8](repeating: 0xff, count: 9) + [1])
    }

    @Test(
        "A nested message may need a length of one byte or more", arguments: [0, 1, 125, 126, 127, 128, 16_380, 40_000])
    func lengths(size: Int) throws {
        let message = SchedulerAPI.Event.with { event in
            event.error = .with { $0.message = String(repeating: "x", count: size) }
        }
        #expect(try SchedulerAPI.Event(protobuf: message.protobuf) == message)
    }

    @Test("Negative numbers survive", arguments: [Int32.min, -1, 0, .max])
    func negative(number: Int32) throws {
        try survives(Internal.ExitedExecutorMessage.with { $0.status = number })
        try survives(Mesos.TimeInfo.with { $0.nanoseconds = Int64(number) << 31 })
    }

    @Test("Numbers of a list may be packed or not")
    func packed() throws {
        let plain: [UInt8] = [8, 80, 0x20, 0xc8, 1, 0x20, 0x94, 3]
        let packed: [UInt8] = [8, 80, 0x22, 4, 0xc8, 1, 0x94, 3]
        #expect(try Mesos.HealthCheck.HTTPCheckInfo(protobuf: plain).statuses == [200, 404])
        #expect(try Mesos.HealthCheck.HTTPCheckInfo(protobuf: packed).statuses == [200, 404])
    }

    @Test("Fields that the schema does not have are passed over, whatever their type")
    func unknownFields() throws {
        let unknown: [UInt8] = [
            0x98, 6, 0xff, 1, 0x99, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0x9a, 6, 3, 1, 2, 3, 0x9d, 6, 1, 2, 3, 4,
        ]
        let known = Mesos.TaskID("t").protobuf
        #expect(try Mesos.TaskID(protobuf: unknown + known + unknown) == Mesos.TaskID("t"))
    }

    @Test("An enum number that the schema does not have leaves the field unset")
    func unknownEnum() throws {
        #expect(try SchedulerAPI.Event(protobuf: [8, 99]).type == nil)
        let error = #expect(throws: ProtoError.self) { try Mesos.TaskStatus(protobuf: [0x0a, 2, 0x0a, 0, 0x10, 99]) }
        #expect(error == .missingRequired(["state"], message: "mesos.v1.TaskStatus"))
    }

    @Test("Missing required fields are named, also inside")
    func missing() {
        #expect(throws: ProtoError.missingRequired(["value"], message: "mesos.v1.TaskID")) {
            try Mesos.TaskID(protobuf: [])
        }
        #expect(throws: ProtoError.missingRequired(["name", "task_id", "agent_id"], message: "mesos.v1.TaskInfo")) {
            try Mesos.TaskInfo(protobuf: [])
        }
        #expect(throws: ProtoError.missingRequired(["value"], message: "mesos.v1.TaskID")) {
            try Mesos.TaskStatus(protobuf: [0x0a, 0, 0x10, 1])
        }
    }

    @Test(
        "Bytes that are no message are refused",
        arguments: [
            [0x0a], [0x0a, 5, 1], [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], [0x08, 1], [0, 1],
            [0x0b],
            [0x0c], [0x0e], [0x0f], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x09, 1, 2],
            [0x9d, 6, 1],
        ] as [[UInt8]])
    func malformed(bytes: [UInt8]) {
        #expect(throws: ProtoError.self) { try Mesos.TaskID(protobuf: bytes) }
    }

    @Test("Nesting is bounded, so that no bytes exhaust the stack")
    func depth() throws {
        func nested(_ depth: Int) -> Mesos.ContainerID {
            var id = Mesos.ContainerID()
            for _ in 0..<depth {
                let inner = id
                id = .with {
                    $0.value = "c"
                    $0.parent = inner
                }
            }
            return id
        }
        try survives(nested(60))
        #expect(throws: ProtoError.self) { try Mesos.ContainerID(protobuf: nested(70).protobuf) }
    }

    @Test("A message cut at any byte is refused or read, and never crashes")
    func truncation() throws {
        let task = try Samples.task().protobuf
        for end in 0..<task.count { _ = try? Mesos.TaskInfo(protobuf: Array(task[..<end])) }
        let reregistration = try Samples.reregistration().protobuf
        for end in 0..<reregistration.count {
            _ = try? Internal.ReregisterSlaveMessage(protobuf: Array(reregistration[..<end]))
        }
        let status = Samples.status.protobuf
        for end in 0..<status.count { _ = try? Mesos.TaskStatus(protobuf: Array(status[..<end])) }
    }
}
