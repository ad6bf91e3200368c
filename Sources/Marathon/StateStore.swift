import JSONText
import Logging
import ServiceKit
import ZooKeeperClient
import ZooKeeperProtocol

/// What Marathon keeps in ZooKeeper, below its `--zk` path:
///
///     store/format                       1
///     store/framework-id                 the id as text
///     store/apps/<app>/<version>         one definition, JSON
///     store/instances/<instance id>      one instance, JSON
struct StateStore: Sendable {
    private static let format = "1"

    private let client: ZooKeeperClient
    private let root: String
    /// How many versions of an app are kept (`--zk_max_versions`).
    private let maximumVersions: Int

    init(client: ZooKeeperClient, maximumVersions: Int) {
        self.client = client
        self.maximumVersions = maximumVersions
        root = client.address.path == "/" ? "/store" : "\(client.address.path)/store"
    }

    /// Makes what is missing; refuses a store that a newer version wrote.
    func prepare() async throws {
        try await client.createPath("\(root)/apps")
        try await client.createPath("\(root)/instances")
        do {
            try await client.create("\(root)/format", Array(Self.format.utf8))
        } catch ZooKeeperErrorCode.nodeExists {
            let found = String(decoding: try await client.get("\(root)/format").data, as: UTF8.self)
            guard found == Self.format else {
                throw FlagError("\(root)/format in ZooKeeper is '\(found)': this version reads '\(Self.format)'")
            }
        }
    }

    func frameworkID() async throws -> String? {
        do {
            return String(decoding: try await client.get("\(root)/framework-id").data, as: UTF8.self)
        } catch ZooKeeperErrorCode.noNode {
            return nil
        }
    }

    /// All versions of all apps.
    func versions(_ parser: AppParser) async throws -> [[AppDefinition]] {
        var apps: [[AppDefinition]] = []
        for app in try await client.children("\(root)/apps") {
            var versions: [AppDefinition] = []
            for version in try await client.children("\(root)/apps/\(app)") {
                let data = try await client.get("\(root)/apps/\(app)/\(version)").data
                versions.append(try Self.definition(data, parser))
            }
            apps.append(versions)
        }
        return apps
    }

    private static func definition(_ data: [UInt8], _ parser: AppParser) throws -> AppDefinition {
        let json = try JSON(parsing: data)
        var app = try parser.parse(json)
        func time(_ value: JSON?) -> Timestamp { value?.string.flatMap { Timestamp(iso8601: $0) } ?? app.version }
        app.version = time(json.value("version"))
        app.lastScalingAt = time(json.value("versionInfo")?.value("lastScalingAt"))
        app.lastConfigChangeAt = time(json.value("versionInfo")?.value("lastConfigChangeAt"))
        return app
    }

    func instances() async throws -> [Instance] {
        var instances: [Instance] = []
        for name in try await client.children("\(root)/instances") {
            let data = try await client.get("\(root)/instances/\(name)").data
            guard let instance = Instance(stored: try JSON(parsing: data)) else {
                throw FlagError("\(root)/instances/\(name) in ZooKeeper is no record of an instance")
            }
            instances.append(instance)
        }
        return instances
    }

    /// Carries changes out, however long ZooKeeper is away. Each is harmless when done twice.
    func perform(_ operations: [StoreOperation], _ logger: Logger) async throws {
        for operation in operations {
            while true {
                do {
                    try await perform(operation)
                    break
                } catch let error as ZooKeeperErrorCode where error == .connectionLoss || error == .operationTimeout {
                    logger.warning("ZooKeeper is not reachable: trying again")
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
        }
    }

    private func perform(_ operation: StoreOperation) async throws {
        switch operation {
        case .saveFrameworkID(let id): try await put("\(root)/framework-id", Array(id.utf8))
        case .saveInstance(let instance):
            try await put("\(root)/instances/\(instance.id)", Array(instance.stored.text.utf8))
        case .removeInstance(let id): try await remove("\(root)/instances/\(id)")
        case .saveApp(let app):
            try await client.createPath("\(root)/apps/\(app.id.safe)")
            try await put("\(root)/apps/\(app.id.safe)/\(app.version.iso8601)", Array(app.json.text.utf8))
            try await purge("\(root)/apps/\(app.id.safe)")
        case .removeApp(let id):
            // Oldest first: the newest, which is the one in force, goes last.
            let path = "\(root)/apps/\(id.safe)"
            for version in try await children(path).sorted() { try await remove("\(path)/\(version)") }
            try await remove(path)
        }
    }

    private func purge(_ path: String) async throws {
        for version in try await children(path).sorted().dropLast(maximumVersions) {
            try await remove("\(path)/\(version)")
        }
    }

    private func children(_ path: String) async throws -> [String] {
        do {
            return try await client.children(path)
        } catch ZooKeeperErrorCode.noNode {
            return []
        }
    }

    private func put(_ path: String, _ data: [UInt8]) async throws {
        do {
            try await client.set(path, data)
        } catch ZooKeeperErrorCode.noNode {
            do {
                try await client.create(path, data)
            } catch ZooKeeperErrorCode.nodeExists {
                try await client.set(path, data)
            }
        }
    }

    private func remove(_ path: String) async throws {
        do {
            try await client.delete(path)
        } catch ZooKeeperErrorCode.noNode {
            return
        }
    }
}
