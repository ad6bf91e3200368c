import ZooKeeperProtocol

/// The member of a group that leads: the one whose node has the lowest number.
public struct Leader: Sendable, Equatable {
    /// Its node's name.
    public let name: String
    /// What its node says of it.
    public let data: [UInt8]
}

/// Where a member of an election stands.
public enum Standing: Sendable, Equatable {
    /// It leads, by this node of its own.
    case leading(Leader)
    /// Another one leads.
    case following(Leader)
    /// There is no member at all, not even itself.
    case vacant
    /// Its session is over, and with it a leadership. It stands for election again at once.
    case expired
}

extension ZooKeeperClient {
    /// The leader of a group now and after each change; nil while the group has no members.
    ///
    /// - Parameter mark: What is in the names of all members, as `json.info_`; other nodes do not count.
    public nonisolated func leaderUpdates(in path: String, mark: String) -> AsyncStream<Leader?> {
        AsyncStream { continuation in
            let task = Task {
                for await members in self.childrenUpdates(path) {
                    guard let name = Self.leader(of: members, mark: mark) else {
                        continuation.yield(nil)
                        continue
                    }
                    // A leader that just went is not told of: the next change tells.
                    if let data = await self.existingData(ZNodePath.child(name, of: path)) {
                        continuation.yield(Leader(name: name, data: data))
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// Stands for election, and tells where this member stands now and after each change: a leader latch. Ends when the
    /// stream is no longer read or the client is closed; the candidacy ends with the session.
    ///
    /// A leader learns that its session expired no later than the ensemble lets another one lead, if the clocks of both
    /// run at the same rate; while the connection is lost it still leads.
    ///
    /// - Parameters:
    ///   - prefix: What the own node's name begins with, before its number.
    ///   - mark: What is in the names of all members, as the `-latch-` of Curator's; the prefix if nil.
    public nonisolated func standings(
        in path: String, prefix: String, mark: String? = nil, data: [UInt8]
    ) -> AsyncStream<Standing> {
        AsyncStream { continuation in
            let task = Task {
                var latch = LeaderLatch()
                for await news in self.electionNews(path, prefix, mark ?? prefix, data) {
                    if let standing = latch.hear(news) { continuation.yield(standing) }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private nonisolated func electionNews(
        _ path: String, _ prefix: String, _ mark: String, _ data: [UInt8]
    ) -> AsyncStream<LeaderLatch.News> {
        AsyncStream { continuation in
            let task = Task {
                await withTaskGroup { group in
                    group.addTask {
                        for await news in self.membershipNews(in: path, prefix: prefix, data: data) {
                            continuation.yield(.own(news))
                        }
                    }
                    group.addTask {
                        for await leader in self.leaderUpdates(in: path, mark: mark) {
                            continuation.yield(.leader(leader))
                        }
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// The member with the lowest number among the names that have a mark.
    public static func leader(of members: [String], mark: String) -> String? {
        members.filter { $0.contains(mark) }.min { SequentialName.number($0) < SequentialName.number($1) }
    }
}

/// What a member of an election knows, in whichever order it hears of its own node and of the leader's.
struct LeaderLatch: Sendable {
    enum News: Sendable {
        case own(MembershipNews)
        case leader(Leader?)
    }

    private var own: String?
    /// The inner one is nil when there is none; the outer one while nobody has looked.
    private var leader: Leader??
    private var last: Standing?

    /// Where the member stands now, if that has changed. Until it has a node of its own it does not stand anywhere: the
    /// leader that it sees may be itself.
    mutating func hear(_ news: News) -> Standing? {
        switch news {
        case .own(.joined(let name)): own = name
        case .own(.expired):
            // The old node may be there for a while; it is nobody's.
            (own, leader, last) = (nil, nil, .expired)
            return .expired
        case .leader(let seen): leader = .some(seen)
        }
        guard let own, let leader else { return nil }
        let standing: Standing = leader.map { $0.name == own ? .leading($0) : .following($0) } ?? .vacant
        defer { last = standing }
        return standing == last ? nil : standing
    }
}
