import MesosProtocol
import NIOCore
import ServiceKit
import ZooKeeperClient

/// Finds the leading Mesos master of a `--master` value.
actor MasterDetector {
    private let text: String
    private let own: ZooKeeperClient?
    private let group: any EventLoopGroup
    private var client: ZooKeeperClient?

    /// `zooKeeper` is used when the masters are in the same ensemble as Marathon's state.
    init(_ text: String, zooKeeper: ZooKeeperClient?, group: any EventLoopGroup) {
        self.text = text
        own = zooKeeper
        self.group = group
    }

    /// The leader's host and port; waits until there is one. Nil when nobody asks any more.
    func leader() async throws -> (host: String, port: Int)? {
        guard text.hasPrefix("zk://") else { return try Self.fixed(text) }
        return try await elected { _ in true }
    }

    /// The next leader, as soon as it is not this one any more. Nil for a master that is not elected.
    func successor(of master: (host: String, port: Int)) async throws -> (host: String, port: Int)? {
        guard text.hasPrefix("zk://") else { return nil }
        return try await elected { $0 != master }
    }

    private func elected(
        where isWanted: ((host: String, port: Int)) -> Bool
    ) async throws -> (host: String, port: Int)? {
        let address = try ZooKeeperAddress(parsing: text)
        let client = await connected(address)
        for await leader in client.leaderUpdates(in: address.path, mark: "json.info_") {
            guard let data = leader?.data,
                let master = try? Mesos.MasterInfo(jsonText: String(decoding: data, as: UTF8.self))
            else { continue }
            let leader = (host: master.address?.ip ?? master.hostname ?? "", port: Int(master.port))
            if isWanted(leader) { return leader }
        }
        return nil
    }

    func close() async { if client !== own { await client?.close() } }

    private func connected(_ address: ZooKeeperAddress) async -> ZooKeeperClient {
        if let client { return client }
        if let own, own.address.servers == address.servers {
            client = own
            return own
        }
        let made = ZooKeeperClient(address: address, security: own?.security, group: group)
        client = made
        await made.start()
        return made
    }

    private static func fixed(_ text: String) throws -> (host: String, port: Int) {
        var rest = text[...]
        if rest.hasPrefix("http://") { rest = rest.dropFirst("http://".count) }
        let parts = rest.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1].prefix { $0.isNumber }) else {
            throw FlagError("marathon: --master: '\(text)' is wrong: expected host:port or zk://...")
        }
        return (String(parts[0]), port)
    }
}
