import JSONText
import MesosProtocol
import ServiceKit
import Testing

@testable import Marathon

@Suite("Ports in container networks")
struct ContainerNetworkTests {
    private let start = Timestamp(seconds: 1_000_000)

    private func app() throws -> AppDefinition {
        let text = """
            {"id": "/a", "cmd": "true", "networks": [{"name": "front"}, {"name": "back", "mode": "container"}],
             "container": {"type": "MESOS", "portMappings": [
                {"containerPort": 80, "hostPort": 0, "networkNames": ["front"], "protocol": "udp,tcp"},
                {"containerPort": 81, "hostPort": 8081, "networkNames": ["back"], "labels": {"VIP_0": "a:1"}},
                {"containerPort": 82, "name": "all"}, {"containerPort": 83, "networkNames": ["back"]}]}}
            """
        return try AppParser().parse(JSON(parsing: Array(text.utf8)))
    }

    private func task() throws -> Mesos.TaskInfo {
        let app = try app()
        let instance = Instance(
            id: "a.instance-1", app: app.id, configVersion: start, appVersion: start,
            agentID: "a", host: "host", ports: [31_000, 8081, 0, 0], stagedAt: start)
        return TaskBuilder(configuration: .init()).task(
            app, instance, .with { $0.agentID = Mesos.AgentID("a") },
            .init(resources: [], hostPorts: [31_000, 8081, 0, 0]))
    }

    @Test("Each network gets the mapped ports that belong to it")
    func networkInfos() throws {
        let networks = try #require(try task().container?.networkInfos)
        #expect(networks.map(\.name) == ["front", "back"])
        let ports = networks.map { network in
            network.portMappings.map { "\($0.hostPort):\($0.containerPort)/\($0.protocol ?? "")" }
        }
        #expect(ports == [["31000:80/udp", "31000:80/tcp"], ["8081:81/tcp"]])
    }

    @Test("A container in bridge mode that is not Docker's is in the network of that name, with its ports")
    func bridge() throws {
        let text = """
            {"id": "/a", "cmd": "true", "networks": [{"mode": "container/bridge"}],
             "container": {"type": "MESOS", "portMappings": [{"containerPort": 80, "hostPort": 0}]}}
            """
        let app = try AppParser().parse(JSON(parsing: Array(text.utf8)))
        let instance = Instance(
            id: "a.instance-1", app: app.id, configVersion: start, appVersion: start, agentID: "a", host: "host",
            ports: [31_000], stagedAt: start)
        var configuration = MarathonCore.Configuration()
        for name in ["mesos-bridge", "other"] {
            configuration.mesosBridgeName = name
            let task = TaskBuilder(configuration: configuration).task(
                app, instance, .with { $0.agentID = Mesos.AgentID("a") }, .init(resources: [], hostPorts: [31_000]))
            let network = try #require(task.container?.networkInfos.first)
            #expect(network.name == name)
            #expect(network.portMappings.map { "\($0.hostPort):\($0.containerPort)" } == ["31000:80"])
        }
    }

    @Test("Service discovery is told of mapped ports on the host, and of others in each of their networks")
    func discovery() throws {
        let ports = try #require(try task().discovery?.ports?.ports)
        let shown = ports.map { port in
            let labels = (port.labels?.labels ?? []).map { "\($0.key)=\($0.value ?? "")" }.joined(separator: " ")
            return "\(port.number)/\(port.protocol ?? "") \(labels)"
        }
        #expect(
            shown == [
                "31000/udp network-scope=host", "31000/tcp network-scope=host",
                "8081/tcp VIP_0=a:1 network-scope=host",
                "82/tcp network-name=front network-scope=container",
                "82/tcp network-name=back network-scope=container",
                "83/tcp network-name=back network-scope=container",
            ])
    }

    @Test("A definition that is shown and sent back says the same")
    func roundTrip() throws {
        let app = try app()
        #expect(app.container?.portMappings?.map(\.networkNames) == [["front"], ["back"], [], ["back"]])
        #expect(try AppParser().parse(app.json) == app)
    }

    @Test("What is kept is read by none of the rules that came after it")
    func kept() throws {
        let text = #"{"id": "/a", "cmd": "true", "portDefinitions": [{"port": 0, "name": "Not A Name"}]}"#
        let app = try JSON(parsing: Array(text.utf8))
        #expect(throws: APIError.self) { try AppParser().parse(app) }
        #expect(try AppParser(checksRules: false).parse(app).portDefinitions.map(\.name) == ["Not A Name"])
    }
}
