/// Elements by number, in pages that copies share until one of them changes: a copy costs next to nothing, and a change
/// after it costs a page.
struct PagedTable<Element: Sendable>: Sendable {
    private static var bits: UInt32 { 8 }
    private static var size: Int { 1 << 8 }

    private var pages: [[Element]] = []
    private var free: [UInt32] = []

    subscript(index: UInt32) -> Element {
        _read { yield pages[Int(index >> Self.bits)][Int(index) & (Self.size - 1)] }
        _modify { yield &pages[Int(index >> Self.bits)][Int(index) & (Self.size - 1)] }
    }

    /// The number of a new element.
    mutating func add(_ element: Element) -> UInt32 {
        if let index = free.popLast() {
            self[index] = element
            return index
        }
        if pages.last.map({ $0.count == Self.size }) ?? true {
            pages.append([])
            pages[pages.count - 1].reserveCapacity(Self.size)
        }
        pages[pages.count - 1].append(element)
        return UInt32((pages.count - 1) * Self.size + pages[pages.count - 1].count - 1)
    }

    /// Leaves the place of an element to a later one; `empty` takes it until then.
    mutating func remove(_ index: UInt32, leaving empty: Element) {
        self[index] = empty
        free.append(index)
    }

    /// The same elements without the knowledge of free places: for reading alone, and no change of the table copies it.
    var image: PagedTable {
        var copy = self
        copy.free = []
        return copy
    }
}
