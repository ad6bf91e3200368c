import Testing

@testable import ServiceKit

@Suite("The machine and identifiers")
struct MachineTests {
    @Test("An address as MasterInfo.ip has it")
    func littleEndian() {
        #expect(Hostname.littleEndian("127.0.0.1") == 16_777_343)
        #expect(Hostname.littleEndian("10.0.0.5") == 0x0500_000a)
        #expect(Hostname.littleEndian("host") == 0)
    }

    @Test("Numeric addresses resolve to themselves")
    func resolve() {
        #expect(Hostname.resolve("127.0.0.1") == "127.0.0.1")
        #expect(!Hostname.machine.isEmpty)
    }

    @Test("A UUID has version 4 and the right shape")
    func uuid() throws {
        let text = UUIDText.random()
        _ = try #require(text.wholeMatch(of: #/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#))
        #expect(UUIDText.text([UInt8](0..<16)) == "00010203-0405-0607-0809-0a0b0c0d0e0f")
        #expect(UUIDText.random() != text)
    }

    @Test("The machine has a processor, memory and a root file system")
    func load() throws {
        #expect(SystemLoad.processors >= 1)
        #expect(SystemLoad.memory.total > 0)
        #expect(SystemLoad.averages.count == 3)
        let disk = try #require(SystemLoad.disk("/"))
        #expect(disk.total >= disk.free)
        #expect(SystemLoad.disk("/nonexistent") == nil)
    }

    @Test("The same seed gives the same numbers")
    func seeded() {
        var first = SeededGenerator(seed: 0)
        var second = SeededGenerator(seed: 0)
        // The reference values of SplitMix64 for seed 0.
        #expect(first.next() == 0xe220_a839_7b1d_cdaf)
        #expect(first.next() == 0x6e78_9e6a_a1b9_65f4)
        #expect(second.next() == 0xe220_a839_7b1d_cdaf)
    }
}
