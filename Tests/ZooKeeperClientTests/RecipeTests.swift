import NIOConcurrencyHelpers
import NIOCore
import Testing
import ZooKeeperProtocol

@testable import ZooKeeperClient

@Suite("Recipes on real servers", .serialized)
struct RecipeTests {
    /// What a stream has yielded so far.
    final class Collected<Value: Sendable>: Sendable {
        private let box = NIOLockedValueBox<[Value]>([])
        private let task: NIOLockedValueBox<Task<Void, Never>?> = NIOLockedValueBox(nil)
        var all: [Value] { box.withLockedValue { $0 } }

        init(_ stream: AsyncStream<Value>) {
            let box = box
            task.withLockedValue {
                $0 = Task { for await value in stream { box.withLockedValue { $0.append(value) } } }
            }
        }

        deinit { task.withLockedValue { $0?.cancel() } }
    }

    @Test("One member leads; when it goes the next one does", arguments: ServerKind.installed)
    func election(kind: ServerKind) async throws {
        try await ServerTests.site(kind) { site in
            try await site.client { first in
                let one = Collected(first.standings(in: "/election", prefix: "info_", data: [1]))
                let leading = Standing.leading(Leader(name: "info_0000000000", data: [1]))
                try await eventually("the first one leads") { one.all.last == leading }
                try await site.client { second in
                    let two = Collected(second.standings(in: "/election", prefix: "info_", data: [2]))
                    try await eventually("the second one follows") {
                        two.all.last == .following(Leader(name: "info_0000000000", data: [1]))
                    }
                    site.proxy.cut()
                    try await eventually("they are connected again") {
                        (try? await first.children("/election"))?.count == 2
                    }
                    #expect(one.all.last == leading)
                    await first.close()
                    try await eventually("the second one leads") {
                        two.all.last == .leading(Leader(name: "info_0000000001", data: [2]))
                    }
                }
            }
        }
    }

    @Test("A leader that is cut off resigns by itself, and stands again", arguments: ServerKind.installed)
    func isolatedLeader(kind: ServerKind) async throws {
        try await ServerTests.site(kind) { site in
            try await site.client(sessionTimeout: .seconds(2)) { client in
                let standings = Collected(client.standings(in: "/election", prefix: "info_", data: [1]))
                @Sendable func isLeading(_ standing: Standing?) -> Bool {
                    if case .leading = standing { true } else { false }
                }
                try await eventually("it leads") { isLeading(standings.all.last) }
                site.proxy.set(.silent)
                try await eventually("it resigns") { standings.all.last == .expired }
                site.proxy.set(.passing)
                site.proxy.cut()
                try await eventually("it leads again") { isLeading(standings.all.last) }
            }
        }
    }

    @Test("A member whose answers are lost on the way is there once", arguments: ServerKind.installed)
    func lostAnswersOfMember(kind: ServerKind) async throws {
        try await ServerTests.site(kind) { site in
            // Those to a look at the group, to a look at its members, and to the creation of the node.
            for lost in 0...2 {
                try await site.client { member in
                    try await member.createPath("/group-\(lost)")
                    site.proxy.set(.losingReply(after: lost))
                    let names = Collected(member.membership(in: "/group-\(lost)", prefix: "m-", data: []))
                    try await eventually("it is a member") { !names.all.isEmpty }
                    #expect(try await member.children("/group-\(lost)").count == 1)
                    #expect(try await member.children("/group-\(lost)").first == names.all.last)
                }
            }
        }
    }

    @Test("A contender whose answers are lost on the way has one place in the queue", arguments: ServerKind.installed)
    func lostAnswersOfContender(kind: ServerKind) async throws {
        try await ServerTests.site(kind) { site in
            // Those to a look at the queue, to the creation, to two more looks, and to the release.
            for lost in 0...4 {
                try await site.client { client in
                    let lock = "/lock-\(lost)"
                    try await client.createPath(lock)
                    site.proxy.set(.losingReply(after: lost))
                    try await DistributedLock(client: client, path: lock).withLock {}
                    #expect(try await client.children(lock) == [])
                    #expect(try await client.exists(lock)?.cversion == 2, "answer \(lost) lost")
                }
            }
        }
    }

    @Test("A lock is one contender's at a time, in the order of their coming", arguments: ServerKind.installed)
    func lock(kind: ServerKind) async throws {
        try await ServerTests.site(kind) { site in
            let order = NIOLockedValueBox<[Int]>([])
            let holders = NIOLockedValueBox(0)
            let (gate, opening) = AsyncStream<Void>.makeStream()
            try await site.client { watcher in
                try await watcher.createPath("/lock")
                try await withThrowingTaskGroup { group in
                    for number in 0..<4 {
                        group.addTask {
                            try await site.client { contender in
                                try await DistributedLock(client: contender, path: "/lock").withLock {
                                    let count = holders.withLockedValue { holders in
                                        holders += 1
                                        return holders
                                    }
                                    #expect(count == 1)
                                    order.withLockedValue { $0.append(number) }
                                    if number == 0 { for await _ in gate { break } }
                                    // A connection that is lost and found again is no end of the lock.
                                    if number == 1 { site.proxy.cut() }
                                    try await eventually("those before have gone") {
                                        (try? await watcher.children("/lock"))?.count == 4 - number
                                    }
                                    holders.withLockedValue { $0 -= 1 }
                                }
                            }
                        }
                        try await eventually("it waits") {
                            try await watcher.children("/lock").count == number + 1
                        }
                    }
                    opening.yield()
                    try await group.waitForAll()
                }
                #expect(order.withLockedValue { $0 } == [0, 1, 2, 3])
                #expect(try await watcher.children("/lock") == [])
            }
        }
    }

    @Test("A lock is lost with its session, and its holder told", arguments: ServerKind.installed)
    func lostLock(kind: ServerKind) async throws {
        try await ServerTests.site(kind) { site in
            try await site.client(sessionTimeout: .seconds(2)) { client in
                let lock = DistributedLock(client: client, path: "/lock")
                await #expect(throws: ZooKeeperErrorCode.sessionExpired) {
                    try await lock.withLock {
                        site.proxy.set(.silent)
                        try await Task.sleep(for: .seconds(60))
                    }
                }
                site.proxy.set(.passing)
                site.proxy.cut()
                let again = try await lock.withLock { true }
                #expect(again)
            }
        }
    }

    @Test("A contender that gives up leaves the queue", arguments: ServerKind.installed)
    func givenUp(kind: ServerKind) async throws {
        try await ServerTests.site(kind) { site in
            try await site.client { client in
                let lock = DistributedLock(client: client, path: "/lock")
                try await lock.withLock {
                    let waiting = Task { try await lock.withLock {} }
                    try await eventually("it waits") { try await client.children("/lock").count == 2 }
                    waiting.cancel()
                    await #expect(throws: CancellationError.self) { try await waiting.value }
                    try await eventually("its place is free") { try await client.children("/lock").count == 1 }
                }
            }
        }
    }
}
