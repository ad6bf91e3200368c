import JSONText
import ServiceKit
import Testing

@testable import MesosProtocol

@Suite("Random messages")
struct ProtoFuzzTests {
    private static let types: [any ProtoMessage.Type] = [
        Mesos.TaskInfo.self, SchedulerAPI.Call.self, Internal.ReregisterSlaveMessage.self,
        Internal.StatusUpdateMessage.self, RegistryRecord.Registry.self, Mesos.Offer.self, Mesos.ContainerID.self,
        Mesos.Resource.self,
    ]

    /// What was read must be written and read again as the same message.
    private func check<M: ProtoMessage>(_ type: M.Type, _ bytes: [UInt8], _ note: String) throws {
        guard let message = try? M(protobuf: bytes) else { return }
        let again = try M(protobuf: message.protobuf)
        try #require(again.protobuf == message.protobuf, "\(note), bytes \(bytes)")
    }

    @Test(
        "Random bytes never crash, and what they read as is written and read again",
        arguments: 1...4 as ClosedRange<UInt64>)
    func randomBytes(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<3_200 {
            var bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            // Small numbers are likelier to be tags and lengths.
            for index in bytes.indices where Bool.random(using: &generator) { bytes[index] &= 0x1f }
            for type in Self.types { try check(type, bytes, "seed \(seed), round \(round)") }
        }
    }

    @Test("A valid message with one byte changed never crashes", arguments: 1...2 as ClosedRange<UInt64>)
    func changedBytes(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let task = try Samples.task().protobuf
        let call = try Samples.accept().protobuf
        for _ in 0..<300 {
            try check(Mesos.TaskInfo.self, changed(task, &generator), "seed \(seed)")
            try check(SchedulerAPI.Call.self, changed(call, &generator), "seed \(seed)")
            try check(Mesos.TaskStatus.self, changed(Samples.status.protobuf, &generator), "seed \(seed)")
        }
    }

    private func changed(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...2, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        }
        return bytes
    }

    @Test("JSON with a value replaced never crashes", arguments: 1...2 as ClosedRange<UInt64>)
    func changedJSON(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let json = try JSON(parsing: Samples.accept().jsonText)
        for _ in 0..<300 {
            let damaged = Self.damaged(json, &generator)
            guard let call = try? SchedulerAPI.Call(json: damaged) else { continue }
            let text = call.jsonText
            try #require(try SchedulerAPI.Call(jsonText: text).jsonText == text, "seed \(seed), JSON \(damaged.text)")
        }
    }

    /// The tree with one of its values replaced by another kind.
    private static func damaged(_ json: JSON, _ generator: inout SeededGenerator) -> JSON {
        let odd: [JSON] = [
            .null, true, 0, -1, 1e300, .double(.greatestFiniteMagnitude), "", "x", "5", [], [.null], .object([]),
        ]
        if Int.random(in: 0...5, using: &generator) == 0 { return odd.randomElement(using: &generator) ?? .null }
        switch json {
        case .object(var members) where !members.isEmpty:
            let index = Int.random(in: 0..<members.count, using: &generator)
            members[index].value = damaged(members[index].value, &generator)
            return .object(members)
        case .array(var items) where !items.isEmpty:
            let index = Int.random(in: 0..<items.count, using: &generator)
            items[index] = damaged(items[index], &generator)
            return .array(items)
        default: return odd.randomElement(using: &generator) ?? .null
        }
    }
}
