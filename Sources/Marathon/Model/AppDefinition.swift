import JSONText
import ServiceKit

/// A service that Marathon keeps running: one version of its definition.
struct AppDefinition: Sendable, Equatable {
    struct Network: Sendable, Equatable {
        enum Mode: String, Sendable {
            case host
            case bridge = "container/bridge"
            case container
        }
        var mode: Mode
        var name: String?
        var labels: [String: String] = [:]
    }

    struct PortDefinition: Sendable, Equatable {
        /// The service port; with `requirePorts` also the host port. 0 asks for any.
        var port: Int
        var proto = "tcp"
        var name: String?
        var labels: [String: String] = [:]
    }

    struct PortMapping: Sendable, Equatable {
        var containerPort: Int
        /// Nil maps no host port; 0 asks for any.
        var hostPort: Int?
        var servicePort: Int
        var proto = "tcp"
        var name: String?
        var labels: [String: String] = [:]
        /// The container networks that it belongs to; none named is all of them.
        var networkNames: [String] = []

        func belongs(to network: String) -> Bool { networkNames.isEmpty || networkNames.contains(network) }
    }

    struct Volume: Sendable, Equatable {
        var containerPath: String
        var hostPath: String
        var isReadOnly: Bool
    }

    struct Docker: Sendable, Equatable {
        var image: String
        var forcePullImage = false
        var privileged = false
        var parameters: [(key: String, value: String)] = []

        static func == (left: Docker, right: Docker) -> Bool {
            left.image == right.image && left.forcePullImage == right.forcePullImage
                && left.privileged == right.privileged
                && left.parameters.elementsEqual(right.parameters) { $0.key == $1.key && $0.value == $1.value }
        }
    }

    struct Container: Sendable, Equatable {
        var isDocker: Bool
        var docker: Docker?
        var volumes: [Volume] = []
        /// Nil on the host's network.
        var portMappings: [PortMapping]?
    }

    var id: AppID
    var cmd: String?
    var args: [String] = []
    var user: String?
    var env: [String: String] = [:]
    var instances = 1
    var cpus = 1.0
    var mem = 128.0
    var disk = 0.0
    var executor = ""
    var container: Container?
    var networks = [Network(mode: .host)]
    var portDefinitions: [PortDefinition] = []
    var requirePorts = false
    var labels: [String: String] = [:]
    var acceptedResourceRoles: [String] = []
    var role = "*"
    var backoffSeconds = 1
    var backoffFactor = 1.15
    var maxLaunchDelaySeconds = 300
    var minimumHealthCapacity = 1.0
    var maximumOverCapacity = 1.0
    var killsOldestFirst = false
    var taskKillGracePeriodSeconds: Int?
    /// Seconds until a lost instance is replaced, and until it is forgotten; nil waits for ever.
    var unreachable: (inactive: Int, expunge: Int)? = (0, 0)
    var version = Timestamp(nanoseconds: 0)
    var lastScalingAt = Timestamp(nanoseconds: 0)
    var lastConfigChangeAt = Timestamp(nanoseconds: 0)

    init(id: AppID) { self.id = id }

    var isOnHostNetwork: Bool { networks.allSatisfy { $0.mode == .host } }

    /// The service ports, in the order of the definition.
    var servicePorts: [Int] {
        isOnHostNetwork
            ? portDefinitions.map(\.port) : (container?.portMappings ?? []).map(\.servicePort)
    }

    /// Whether another definition needs new tasks: everything counts but the number of instances and the versions.
    func needsRestart(_ other: AppDefinition) -> Bool {
        var same = other
        same.instances = instances
        same.version = version
        same.lastScalingAt = lastScalingAt
        same.lastConfigChangeAt = lastConfigChangeAt
        return same != self
    }

    static func == (left: AppDefinition, right: AppDefinition) -> Bool { left.json == right.json }
}

/// The path of an app: absolute, lower case, at least one name.
struct AppID: Sendable, Hashable, CustomStringConvertible {
    /// With its slash in front.
    let path: String

    /// Nil for a path that is no id. `.` and `..` are resolved.
    init?(_ text: String) {
        var parts: [Substring] = []
        for part in text.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": if parts.popLast() == nil { return nil }
            default: parts.append(part)
            }
        }
        guard !parts.isEmpty, parts.allSatisfy(Self.isName) else { return nil }
        path = "/" + parts.joined(separator: "/")
    }

    private init(unchecked path: String) { self.path = path }

    /// Stands in while a definition with a wrong id is checked for more errors.
    static let placeholder = AppID(unchecked: "/placeholder")

    /// Labels of lower-case letters, digits and inner dashes, joined by dots.
    static func isName(_ text: Substring) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.first != "-" && label.last != "-"
                && label.unicodeScalars.allSatisfy {
                    "abcdefghijklmnopqrstuvwxyz0123456789-".unicodeScalars.contains($0)
                }
        }
    }

    var description: String { path }

    /// How instance ids and file names spell it.
    var safe: String { path.dropFirst().split(separator: "/").joined(separator: "_") }

    /// What its tasks are called: the names from the innermost outwards.
    var taskName: String { path.split(separator: "/").reversed().joined(separator: ".") }

    var isReserved: Bool { ["restart", "tasks", "versions"].contains(path.split(separator: "/").last) }
}
