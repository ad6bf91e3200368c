import Coordinator
import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import ZooKeeperClient

/// The servers that a client is tried with.
enum ServerKind: String, CaseIterable, CustomTestStringConvertible {
    case coordinator
    /// Debian's package `zookeeper`.
    case zooKeeper = "Apache ZooKeeper"

    static let jar = "/usr/share/java/zookeeper.jar"
    static let java = "/usr/bin/java"

    /// Those that this machine has.
    static let installed = allCases.filter { kind in
        kind == .coordinator || [jar, java].allSatisfy { FileManager.default.fileExists(atPath: $0) }
    }

    var testDescription: String { rawValue }
}

/// A server of its own kind on a port of 127.0.0.1, with a folder that is gone afterwards.
actor TestServer {
    private let kind: ServerKind
    private let group: any EventLoopGroup
    private let directory = NSTemporaryDirectory() + "swift-mesos-client-" + UUID().uuidString
    private(set) var port = 0
    private var coordinator: CoordinatorServer?
    private var process: Process?

    private init(_ kind: ServerKind, _ group: any EventLoopGroup) {
        self.kind = kind
        self.group = group
    }

    /// Runs a server for the time of the body.
    static func with(
        _ kind: ServerKind, _ body: @Sendable (TestServer, any EventLoopGroup) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = TestServer(kind, group)
        do {
            try await server.prepare()
            try await server.start()
            try await body(server, group)
        } catch {
            await server.remove()
            throw error
        }
        await server.remove()
        try await group.shutdownGracefully()
    }

    private func prepare() async throws {
        try FileManager.default.createDirectory(atPath: directory + "/data", withIntermediateDirectories: true)
        let probe = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        port = try #require(probe.localAddress?.port)
        try await probe.close()
        let text = """
            tickTime=200
            maxSessionTimeout=60000
            dataDir=\(directory)/data
            clientPort=\(port)
            clientPortAddress=127.0.0.1
            admin.enableServer=false
            preAllocSize=1024
            extendedTypesEnabled=true

            """
        try text.write(toFile: "\(directory)/zoo.cfg", atomically: false, encoding: .utf8)
    }

    func start() async throws {
        switch kind {
        case .coordinator:
            let text = try String(contentsOfFile: "\(directory)/zoo.cfg", encoding: .utf8)
            let configuration = try CoordinatorConfiguration(parsing: text, path: "zoo.cfg")
            coordinator = try await CoordinatorServer.start(configuration, group: group)
        case .zooKeeper:
            let process = Process()
            process.executableURL = URL(fileURLWithPath: ServerKind.java)
            process.arguments = [
                "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", ServerKind.jar,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", "\(directory)/zoo.cfg",
            ]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            self.process = process
        }
    }

    /// Ends it; its sessions and nodes are there again after `start`.
    func stop() async {
        await coordinator?.close()
        coordinator = nil
        guard let process else { return }
        self.process = nil
        await withCheckedContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            kill(process.processIdentifier, SIGKILL)
        }
    }

    private func remove() async {
        await stop()
        try? FileManager.default.removeItem(atPath: directory)  // What is left over is the system's to clean.
    }
}

/// Waits until something is so.
func eventually(
    _ what: String, within limit: Duration = .seconds(30), _ condition: @Sendable () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "not within \(limit): \(what)")
        try await Task.sleep(for: .milliseconds(10))
    }
}
