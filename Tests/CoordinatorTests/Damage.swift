import ServiceKit

/// What becomes of bytes on a bad day.
enum Damage {
    /// The bytes with so many places changed, cut off, added or taken away.
    static func to(_ bytes: [UInt8], times: ClosedRange<Int>, using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: times, using: &generator) {
            guard !bytes.isEmpty else { break }
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 2: bytes.removeLast(bytes.count - place)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            case 4: bytes[place] = [0, 0x7f, 0x80, 0xff].randomElement(using: &generator) ?? 0
            default: bytes.remove(at: place)
            }
        }
        return bytes
    }
}
