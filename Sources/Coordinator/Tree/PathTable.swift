/// Finds nodes by the hash of their path: open addressing, each slot an index and its hash, so that neither growth nor
/// a miss touches the nodes.
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

    private var mask: Int { slots.count - 1 }

    func first(_ hash: UInt32, where matches: (ZNodeIndex) -> Bool) -> ZNodeIndex? {
        var position = Int(hash) & mask
        while slots[position].index != ZNodeRecord.none {
            if slots[position].hash == hash, matches(slots[position].index) { return slots[position].index }
            position = (position + 1) & mask
        }
        return nil
    }

    mutating func insert(_ index: ZNodeIndex, hash: UInt32) {
        if (count + 1) * 4 > slots.count * 3 { grow(to: slots.count * 2) }
        place(Slot(hash: hash, index: index))
        count += 1
    }

    /// Makes room for so many paths at once.
    mutating func reserve(_ paths: Int) {
        var size = slots.count
        while paths * 4 > size * 3 { size *= 2 }
        if size > slots.count { grow(to: size) }
    }

    private mutating func place(_ slot: Slot) {
        var position = Int(slot.hash) & mask
        while slots[position].index != ZNodeRecord.none { position = (position + 1) & mask }
        slots[position] = slot
    }

    private mutating func grow(to size: Int) {
        let old = slots
        slots = [Slot](repeating: Slot(), count: size)
        for slot in old where slot.index != ZNodeRecord.none { place(slot) }
    }

    /// Takes an entry out and moves those behind it up, so that no gap cuts them off.
    mutating func remove(_ index: ZNodeIndex, hash: UInt32) {
        var gap = Int(hash) & mask
        while slots[gap].index != index {
            guard slots[gap].index != ZNodeRecord.none else { return }
            gap = (gap + 1) & mask
        }
        var next = (gap + 1) & mask
        while slots[next].index != ZNodeRecord.none {
            let home = Int(slots[next].hash) & mask
            if (next - home) & mask >= (next - gap) & mask {
                slots[gap] = slots[next]
                gap = next
            }
            next = (next + 1) & mask
        }
        slots[gap] = Slot()
        count -= 1
    }
}
