import Testing
import ZooKeeperProtocol

@testable import ZooKeeperClient

@Suite("Parts of a client")
struct ClientPartsTests {
    @Test("A chroot stands before what is sent and is taken off what comes")
    func chroot() {
        let root = Chroot("/a/b")
        #expect(["/", "/x"].map(root.full) == ["/a/b", "/a/b/x"])
        #expect(["/a/b", "/a/b/x", "/a/bc", "/a", "/other"].map(root.local) == ["/", "/x", "/a/bc", "/a", "/other"])
        #expect(["/a/b/x", "/a/bc"].map(root.below) == ["/x", nil])
        let none = Chroot("/")
        #expect(none.full("/x") == "/x" && none.full("/") == "/" && none.local("/x") == "/x")
    }

    @Test("Each event reaches the watches that it concerns, and ends those for one event")
    func watches() {
        let kinds: [Watch.Kind] = [.data, .exist, .child, .persistent, .recursive]
        let concerned: [WatchEventType: Set<UInt64>] = [
            .created: [0, 1, 3, 4, 5], .deleted: [0, 1, 2, 3, 4, 5], .dataChanged: [0, 1, 3, 4, 5],
            .childrenChanged: [2, 3],
        ]
        for (type, expected) in concerned {
            var registry = WatchRegistry()
            for (number, kind) in kinds.enumerated() {
                registry.add(Watch(number: UInt64(number), path: "/a/b", kind: kind))
            }
            registry.add(Watch(number: 5, path: "/", kind: .recursive))
            registry.add(Watch(number: 6, path: "/a", kind: .persistent))
            registry.add(Watch(number: 7, path: "/a/bc", kind: .data))
            #expect(Set(registry.fire(type, at: "/a/b").map(\.number)) == expected, "\(type)")
            let again = Set(registry.fire(type, at: "/a/b").map(\.number))
            #expect(again == expected.subtracting([0, 1, 2]), "\(type) again")
        }
    }

    @Test("Watches of one kind are removed")
    func removal() {
        var registry = WatchRegistry()
        for (number, kind) in [Watch.Kind.data, .child, .exist, .persistent].enumerated() {
            registry.add(Watch(number: UInt64(number), path: "/a", kind: kind))
        }
        #expect(registry.remove("/a", .children).map(\.number) == [1])
        #expect(registry.remove("/a", .data).map(\.number) == [0, 2])
        #expect(registry.remove("/a", .any).map(\.number) == [3])
        #expect(registry.isEmpty)
    }

    @Test("Watches are set again in packets that a server takes, each path once")
    func packets() throws {
        var registry = WatchRegistry()
        for number in 0..<6000 {
            registry.add(
                Watch(number: UInt64(number), path: "/node-\(String(repeating: "x", count: 40))-\(number)", kind: .data)
            )
        }
        registry.add(Watch(number: 6000, path: "/there", kind: .child))
        registry.add(Watch(number: 6001, path: "/there", kind: .child))
        for (operation, lists) in [(OperationCode.setWatches, 3), (.setWatches2, 5)] {
            if lists == 5 { registry.add(Watch(number: 7000, path: "/all", kind: .recursive)) }
            let packets = registry.restoring(since: 77)
            #expect(packets.count == 3)
            var paths: [[String]] = Array(repeating: [], count: lists)
            for (code, body) in packets {
                #expect(code == operation)
                #expect(body.count <= WatchRegistry.packetLimit + 64)
                var reader = JuteReader(body)
                #expect(try reader.long() == 77)
                for index in 0..<lists { paths[index] += try ZooKeeperClient.texts(&reader) }
                #expect(reader.isAtEnd)
            }
            #expect(Set(paths[0]).count == 6000 && paths[0].count == 6000)
            #expect(paths[2] == ["/there"])
            if lists == 5 { #expect(paths[4] == ["/all"]) }
        }
    }

    private static let servers = (1...3).map { ZooKeeperAddress.Server(host: "s\($0)", port: $0) }

    @Test("Every server is tried before one is tried again, in an order of each client's own")
    func order() {
        var orders: Set<[Int]> = []
        for seed in 0..<50 as Range<UInt64> {
            var schedule = ReconnectSchedule(servers: Self.servers, sessionTimeout: 10_000, seed: seed)
            let ports = (0..<6).compactMap { _ in schedule.server()?.port }
            #expect(Set(ports.prefix(3)) == [1, 2, 3])
            #expect(ports.prefix(3) == ports.suffix(3))
            orders.insert(Array(ports.prefix(3)))
        }
        #expect(orders.count == 6)
    }

    @Test("Pauses are all chance below a limit that doubles with each round and starts again after a success")
    func pauses() {
        var largest: [Duration] = Array(repeating: .zero, count: 30)
        var smallest: [Duration] = Array(repeating: .seconds(99), count: 30)
        for seed in 0..<300 as Range<UInt64> {
            var schedule = ReconnectSchedule(servers: Self.servers, sessionTimeout: 10_000, seed: seed)
            for attempt in 0..<30 {
                let delay = schedule.delay()
                largest[attempt] = max(largest[attempt], delay)
                smallest[attempt] = min(smallest[attempt], delay)
            }
            schedule.succeeded()
            #expect(schedule.delay() <= .milliseconds(50))
        }
        for attempt in 0..<30 {
            let limit = Duration.milliseconds(min(2000, 50 << (attempt / 3)))
            #expect(largest[attempt] <= limit && largest[attempt] > limit * 9 / 10, "attempt \(attempt)")
            #expect(smallest[attempt] < limit / 10, "attempt \(attempt)")
        }
    }

    @Test("The number of a sequential node is at its end, whatever stands before")
    func numbers() {
        #expect(SequentialName.number("json.info_0000000017") == 17)
        #expect(SequentialName.number("_c_1-latch-0000000001") == 1)
        #expect(SequentialName.number("other") == .max)
        let members = ["json.info_0000000010", "json.info_0000000009", "log_replicas", "info_0000000001"]
        #expect(ZooKeeperClient.leader(of: members, mark: "json.info_") == "json.info_0000000009")
        #expect(ZooKeeperClient.leader(of: ["log_replicas"], mark: "json.info_") == nil)
    }

    @Test("A member knows where it stands, in whichever order the news come")
    func latch() {
        let (mine, other) = (Leader(name: "n1", data: [1]), Leader(name: "n2", data: [2]))
        var latch = LeaderLatch()
        #expect(latch.hear(.leader(mine)) == nil)
        #expect(latch.hear(.own(.joined("n1"))) == .leading(mine))
        #expect(latch.hear(.own(.joined("n1"))) == nil)
        #expect(latch.hear(.leader(mine)) == nil)
        #expect(latch.hear(.leader(other)) == .following(other))
        #expect(latch.hear(.leader(nil)) == .vacant)
        #expect(latch.hear(.leader(mine)) == .leading(mine))
        #expect(latch.hear(.own(.expired)) == .expired)
        // The node of the old session is there for a while.
        #expect(latch.hear(.leader(mine)) == nil)
        #expect(latch.hear(.own(.joined("n3"))) == .following(mine))
        #expect(latch.hear(.leader(Leader(name: "n3", data: []))) == .leading(Leader(name: "n3", data: [])))
    }

    @Test("Whose turn it is")
    func lockQueue() {
        let names = ["_c_b-lock-0000000003", "_c_a-lock-0000000002", "_c_c-lock-0000000010", "config"]
        #expect(LockQueue.place(of: "_c_a-lock-", among: names) == .first("_c_a-lock-0000000002"))
        #expect(LockQueue.place(of: "_c_b-lock-", among: names) == .behind("_c_a-lock-0000000002"))
        #expect(LockQueue.place(of: "_c_c-lock-", among: names) == .behind("_c_b-lock-0000000003"))
        #expect(LockQueue.place(of: "_c_d-lock-", among: names) == .absent)
    }
}
