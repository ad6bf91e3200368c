import NIOConcurrencyHelpers
import NIOCore
import Testing
import ZooKeeperProtocol

@testable import ZooKeeperClient

/// What clients see of real servers: the coordinator, and Apache ZooKeeper where it is installed. Each test has a server
/// and, between it and its clients, a proxy that breaks connections.
@Suite("Clients of real servers", .serialized)
struct ServerTests {
    struct Site: Sendable {
        let server: TestServer
        let proxy: TestProxy
        let group: any EventLoopGroup

        /// A client behind the proxy, closed after the body.
        func client(
            chroot: String = "/", sessionTimeout: Duration = .seconds(30), credentials: String = "",
            _ body: @Sendable (ZooKeeperClient) async throws -> Void
        ) async throws {
            let address = try ZooKeeperAddress(parsing: "zk://\(credentials)127.0.0.1:\(proxy.port)/ignored")
            let client = ZooKeeperClient(
                address: address, chroot: chroot, sessionTimeout: sessionTimeout, group: group)
            await client.start()
            do { try await body(client) } catch {
                await client.close()
                throw error
            }
            await client.close()
        }
    }

    static func site(_ kind: ServerKind, _ body: @Sendable (Site) async throws -> Void) async throws {
        try await TestServer.with(kind) { server, group in
            let proxy = try await TestProxy(to: await server.port, group.next())
            do { try await body(Site(server: server, proxy: proxy, group: group)) } catch {
                await proxy.close()
                throw error
            }
            await proxy.close()
        }
    }

    /// Collects the events of a watch.
    final class Events: Sendable {
        private let box = NIOLockedValueBox<[WatchEvent]>([])
        var all: [WatchEvent] { box.withLockedValue { $0 } }
        func add(_ event: WatchEvent) { box.withLockedValue { $0.append(event) } }
        func has(_ kind: WatchEvent.Kind, _ path: String) -> Bool { all.contains(WatchEvent(kind: kind, path: path)) }
    }

    @Test("Operations, below a chroot and without, multis, access lists", arguments: ServerKind.installed)
    func operations(kind: ServerKind) async throws {
        try await Self.site(kind) { site in
            try await Self.chroot(site)
            try await Self.multi(site)
            try await Self.access(site)
        }
    }

    private static func chroot(_ site: Site) async throws {
        try await site.client(chroot: "/root/of") { inner in
            try await inner.createPath("/a/b")
            let events = Events()
            try await inner.addWatch("/", mode: .persistentRecursive) { events.add($0) }
            #expect(try await inner.create("/a/n-", [1], mode: .ephemeralSequential) == "/a/n-0000000001")
            #expect(try await inner.create("/a/container", mode: .container) == "/a/container")
            #expect(
                try await inner.create("/a/mortal", mode: .persistentWithTTL, timeToLive: .seconds(3600))
                    == "/a/mortal")
            #expect(try await inner.children("/").sorted() == ["a"])
            #expect(try await inner.ephemerals() == ["/a/n-0000000001"])
            #expect(try await inner.descendantCount("/") == 5)
            try await inner.sync("/a")
            #expect(
                try await inner.multi([.create(path: "/a/m", data: [2]), .check(path: "/a/m", version: 0)])
                    == [.created(path: "/a/m", stat: nil), .checked])
            #expect(
                events.all
                    == ["/a/n-0000000001", "/a/container", "/a/mortal", "/a/m"].map {
                        WatchEvent(kind: .created, path: $0)
                    })
            try await site.client { outer in
                #expect(try await outer.get("/root/of/a/m").data == [2])
                let names = try await outer.children("/root/of/a").sorted()
                #expect(names == ["b", "container", "m", "mortal", "n-0000000001"])
            }
        }
    }

    private static func multi(_ site: Site) async throws {
        try await site.client { client in
            try await client.create("/multi", [1])
            let results = try await client.multi([
                .create(path: "/multi/s-", mode: .persistentSequential), .set(path: "/multi", data: [2], version: 0),
                .check(path: "/multi", version: 1), .create(path: "/multi/c", mode: .container),
                .delete(path: "/multi/c"),
            ])
            #expect(results.count == 5)
            #expect(results[0] == .created(path: "/multi/s-0000000000", stat: nil))
            guard case .set(let stat) = results[1], case .created("/multi/c", .some) = results[3] else {
                Issue.record("\(results)")
                return
            }
            #expect(stat.version == 1 && results[2] == .checked && results[4] == .deleted)
            await #expect(throws: ZooKeeperClient.MultiFailure(index: 1, code: .badVersion)) {
                try await client.multi([
                    .create(path: "/multi/x"), .check(path: "/multi", version: 7), .delete(path: "/multi"),
                ])
            }
            let reads = try await client.multiRead([
                .data(path: "/multi"), .children(path: "/multi"), .data(path: "/multi/x"),
            ])
            guard case .data([2], let state) = reads[0] else {
                Issue.record("\(reads)")
                return
            }
            #expect(state.version == 1 && reads[1] == .children(["s-0000000000"]) && reads[2] == .failed(.noNode))
        }
    }

    private static func access(_ site: Site) async throws {
        try await site.client { owner in
            try await owner.addAuth(scheme: "digest", data: Array("user:secret".utf8))
            try await owner.create("/own", [1], acl: ACL.creatorAll)
            let (acl, stat) = try await owner.getACL("/own")
            #expect(acl.map(\.scheme) == ["digest"] && acl.first?.id.hasPrefix("user:") == true)
            #expect(stat.aversion == 0)
            let identities = try await owner.whoAmI()
            #expect(identities.contains { $0 == ("digest", "user") })
            // Each connection starts as a stranger.
            site.proxy.cut()
            try await eventually("the proof is given again") { (try? await owner.get("/own"))?.data == [1] }
            try await site.client { stranger in
                await #expect(throws: ZooKeeperErrorCode.noAuth) { try await stranger.get("/own") }
                try await owner.setACL("/own", ACL.creatorAll + ACL.readable, version: 0)
                #expect(try await stranger.get("/own").data == [1])
                await #expect(throws: ZooKeeperErrorCode.badVersion) {
                    try await owner.setACL("/own", ACL.open, version: 0)
                }
                await #expect(throws: ZooKeeperErrorCode.authFailed) {
                    try await stranger.addAuth(scheme: "no-such-scheme", data: [])
                }
                try await eventually("it goes on without") { (try? await stranger.get("/own"))?.data == [1] }
            }
            try await site.client(credentials: "user:secret@") { same in
                let data = try await same.get("/own").data
                #expect(data == [1])
            }
        }
    }

    @Test("Watches are kept over lost connections and restarts of the server", arguments: ServerKind.installed)
    func watches(kind: ServerKind) async throws {
        try await Self.site(kind) { site in
            try await site.client { client in
                let (single, persistent, recursive, coming) = (Events(), Events(), Events(), Events())
                try await client.createPath("/w/below")
                try await client.create("/w/mine", mode: .ephemeral)
                _ = try await client.get("/w") { single.add($0) }
                #expect(try await client.exists("/w/coming") { coming.add($0) } == nil)
                try await client.addWatch("/w/below", mode: .persistent) { persistent.add($0) }
                try await client.addWatch("/w", mode: .persistentRecursive) { recursive.add($0) }
                let first = await client.sessionID
                await site.server.stop()
                try await site.server.start()
                try await eventually("the session goes on") { recursive.has(.interrupted, "/w") }
                try await site.client { other in
                    try await other.set("/w", [1])
                    try await other.create("/w/below/child")
                    try await other.create("/w/coming")
                }
                try await eventually("all watches fire") {
                    single.has(.dataChanged, "/w") && coming.has(.created, "/w/coming")
                        && persistent.has(.childrenChanged, "/w/below") && recursive.has(.created, "/w/below/child")
                }
                #expect(await client.sessionID == first)
                #expect(try await client.exists("/w/mine")?.ephemeralOwner == first)
                #expect(!recursive.has(.childrenChanged, "/w/below") && single.all.count == 1)
                try await client.removeWatches("/w/below")
                await #expect(throws: ZooKeeperErrorCode.noWatcher) { try await client.removeWatches("/w/below") }
                let count = persistent.all.count
                try await client.create("/w/below/second")
                try await eventually("the other watch fires") { recursive.has(.created, "/w/below/second") }
                #expect(persistent.all.count == count)
            }
        }
    }

    @Test("A change while the connection is lost is told of after it", arguments: ServerKind.installed)
    func missedChange(kind: ServerKind) async throws {
        try await Self.site(kind) { site in
            try await site.client { client in
                let events = Events()
                try await client.create("/m")
                _ = try await client.get("/m") { events.add($0) }
                site.proxy.set(.silent)
                let direct = ZooKeeperClient(
                    address: try ZooKeeperAddress(parsing: "zk://127.0.0.1:\(await site.server.port)"),
                    group: site.group)
                await direct.start()
                try await direct.set("/m", [1])
                await direct.close()
                #expect(events.all.isEmpty)
                site.proxy.cut()
                site.proxy.set(.passing)
                try await eventually("the watch fires") { events.has(.dataChanged, "/m") }
            }
        }
    }
}
