/// Finds nodes by the hash of their path: open addressing, each slot an index and its hash, so that neither growth nor
/// a miss touches the nodes. A hash's share of its range is its share of the slots: they are in the order of their
/// hashes, and the table grows by a part, in one pass from its start to its end.
struct PathTable: Sendable {
    private struct Slot: Sendable {
        var hash: UInt32 = 0
        var index: ZNodeIndex = ZNodeRecord.none
    }

    private var slots = [Slot](repeating: Slot(), count: 64)
    private(set) var count = 0

    /// Keyed anew in each process, so that no client can choose paths that collide.
    static func hash(_ path: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(path))
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    init() {}

    /// Nodes from `first` on, of which these are the hashes. Placed in the order of their hashes, as nearly as the
    /// processor's caches ask for: a million random places would be a million misses.
    init(hashes: [UInt32], from first: ZNodeIndex) {
        slots = [Slot](repeating: Slot(), count: max(64, hashes.count / 4 * 5 + 64))
        count = hashes.count
        var starts = [Int](repeating: 0, count: 1025)
        for hash in hashes { starts[Int(hash >> 22) + 1] += 1 }
        for part in 1..<starts.count { starts[part] += starts[part - 1] }
        var sorted = [Slot](repeating: Slot(), count: hashes.count)
        for (offset, hash) in hashes.enumerated() {
            let part = Int(hash >> 22)
            sorted[starts[part]] = Slot(hash: hash, index: first + ZNodeIndex(offset))
            starts[part] += 1
        }
        for slot in sorted { place(slot) }
    }

    private func home(_ hash: UInt32) -> Int { Int((UInt64(hash) * UInt64(slots.count)) >> 32) }
    private func after(_ position: Int) -> Int { position + 1 == slots.count ? 0 : position + 1 }
    /// How many steps it is from one place to another.
    private func distance(from start: Int, to end: Int) -> Int {
        end >= start ? end - start : end - start + slots.count
    }

    func first(_ hash: UInt32, where matches: (ZNodeIndex) -> Bool) -> ZNodeIndex? {
        var position = home(hash)
        while slots[position].index != ZNodeRecord.none {
            if slots[position].hash == hash, matches(slots[position].index) { return slots[position].index }
            position = after(position)
        }
        return nil
    }

    mutating func insert(_ index: ZNodeIndex, hash: UInt32) {
        if (count + 1) * 5 > slots.count * 4 { grow() }
        place(Slot(hash: hash, index: index))
        count += 1
    }

    private mutating func place(_ slot: Slot) {
        var position = home(slot.hash)
        while slots[position].index != ZNodeRecord.none { position = after(position) }
        slots[position] = slot
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count + old.count / 4)
        for slot in old where slot.index != ZNodeRecord.none { place(slot) }
    }

    /// Takes an entry out and moves those behind it up, so that no gap cuts them off.
    mutating func remove(_ index: ZNodeIndex, hash: UInt32) {
        var gap = home(hash)
        while slots[gap].index != index {
            guard slots[gap].index != ZNodeRecord.none else { return }
            gap = after(gap)
        }
        var next = after(gap)
        while slots[next].index != ZNodeRecord.none {
            let start = home(slots[next].hash)
            if distance(from: start, to: next) >= distance(from: gap, to: next) {
                slots[gap] = slots[next]
                gap = next
            }
            next = after(next)
        }
        slots[gap] = Slot()
        count -= 1
    }
}
