import ZooKeeperProtocol

/// The different access control lists of a tree: nodes share them by number.
struct ACLTable: Sendable {
    typealias ID = UInt32

    private var lists: [[ACL]] = []
    private var uses: [Int] = []
    private var ids: [[ACL]: ID] = [:]
    private var free: [ID] = []

    subscript(id: ID) -> [ACL] { lists[Int(id)] }

    /// The number of a list; each call is given back by one `release`.
    mutating func retain(_ list: [ACL]) -> ID {
        if let known = ids[list] {
            uses[Int(known)] += 1
            return known
        }
        let id: ID
        if let place = free.popLast() {
            id = place
            lists[Int(id)] = list
            uses[Int(id)] = 1
        } else {
            id = ID(lists.count)
            lists.append(list)
            uses.append(1)
        }
        ids[list] = id
        return id
    }

    mutating func retain(_ id: ID) { uses[Int(id)] += 1 }

    mutating func release(_ id: ID) {
        uses[Int(id)] -= 1
        guard uses[Int(id)] == 0 else { return }
        ids[lists[Int(id)]] = nil
        lists[Int(id)] = []
        free.append(id)
    }

    /// How many lists are kept.
    var count: Int { ids.count }
}
