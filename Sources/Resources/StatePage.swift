import JSONText
import MesosProtocol

/// The parts that the v0 pages of master and agent (`/state`, `/tasks`, ...) have in common.
extension JSONWriter {
    /// The resources object: disk, mem, gpus, cpus always, then every other name; ranges and sets as text.
    public mutating func resourcesObject(_ resources: Resources) {
        beginObject()
        let scalars = resources.scalars
        let always = ["disk", "mem", "gpus", "cpus"]
        for name in always { field(name, scalars[name] ?? 0) }
        for (name, amount) in scalars.sorted(by: { $0.key < $1.key }) where !always.contains(name) {
            field(name, amount)
        }
        let others = resources.entries.filter {
            if case .scalar = $0.value { return false }
            return true
        }
        for name in Set(others.map(\.name)).sorted() {
            var sum = Resources()
            for entry in others where entry.name == name { sum += resources.filter { $0 == entry } }
            if case .set? = sum.entries.first?.value {
                field(name, sum.entries.map(\.value.text).joined(separator: ", "))
            } else {
                field(name, ResourceValue.ranges(resources.ranges(name)).text)
            }
        }
        endObject()
    }

    /// Reserved resources by role.
    public mutating func reservedObject(_ resources: Resources) {
        beginObject()
        for role in Set(resources.entries.compactMap(\.reservedRole)).sorted() {
            name(role)
            resourcesObject(resources.filter { $0.reservedRole == role })
        }
        endObject()
    }

    /// Resources as protobuf objects that carry the legacy fields beside the new one, as `/slaves` shows them.
    public mutating func fullResources(_ resources: Resources) { fullResources([(nil, resources)]) }

    /// The same for resources that are allocated to roles.
    public mutating func fullResources(_ parts: [(role: String?, resources: Resources)]) {
        beginArray()
        for var message in parts.flatMap({ $0.resources.messages(allocatedTo: $0.role) }) {
            let reservation = message.reservations.last
            message.role = reservation?.role ?? "*"
            if let reservation, reservation.type == .dynamic {
                message.reservation = .with {
                    $0.principal = reservation.principal
                    $0.labels = reservation.labels
                }
            }
            message.write(to: &self)
        }
        endArray()
    }

    public mutating func attributesObject(_ attributes: [Mesos.Attribute]) {
        beginObject()
        for attribute in attributes {
            switch attribute.type {
            case .scalar: field(attribute.name, attribute.scalar?.value ?? 0)
            case .ranges:
                let ranges = (attribute.ranges?.range ?? []).map { "\($0.begin)-\($0.end)" }
                field(attribute.name, "[" + ranges.joined(separator: ", ") + "]")
            case .set: field(attribute.name, "{" + (attribute.set?.item ?? []).joined(separator: ", ") + "}")
            case .text: field(attribute.name, attribute.text?.value ?? "")
            }
        }
        endObject()
    }

    /// A task as every v0 page shows it.
    public mutating func taskObject(_ task: Mesos.Task, role: String) {
        beginObject()
        field("id", task.taskID.value)
        field("name", task.name)
        field("framework_id", task.frameworkID.value)
        field("executor_id", task.executorID?.value ?? "")
        field("slave_id", task.agentID.value)
        field("state", task.state.name)
        name("resources")
        resourcesObject(Resources(task.resources))
        if !task.limits.isEmpty {
            name("limits")
            beginObject()
            for (limit, amount) in task.limits.sorted(by: { $0.key < $1.key }) { field(limit, amount.value) }
            endObject()
        }
        field("role", role)
        name("statuses")
        beginArray()
        for status in task.statuses { statusObject(status) }
        endArray()
        if let user = task.user { field("user", user) }
        labels(task.labels)
        if let discovery = task.discovery { proto("discovery", discovery) }
        if let container = task.container { proto("container", container) }
        if let check = task.healthCheck { proto("health_check", check) }
        endObject()
    }

    private mutating func statusObject(_ status: Mesos.TaskStatus) {
        beginObject()
        field("state", status.state.name)
        field("timestamp", status.timestamp ?? 0)
        labels(status.labels)
        if var container = status.containerStatus {
            container.executorPid = nil
            proto("container_status", container)
        }
        if let isHealthy = status.healthy { field("healthy", isHealthy) }
        endObject()
    }

    public mutating func labels(_ labels: Mesos.Labels?) {
        guard let labels else { return }
        repeated("labels", labels.labels)
    }

    public mutating func commandObject(_ command: Mesos.CommandInfo) {
        beginObject()
        field("shell", command.shellOrDefault)
        if let value = command.value { field("value", value) }
        name("argv")
        beginArray()
        for argument in command.arguments { value(argument) }
        endArray()
        if let environment = command.environment { proto("environment", environment) }
        name("uris")
        beginArray()
        for uri in command.uris {
            beginObject()
            field("value", uri.value)
            field("executable", uri.executable ?? false)
            endObject()
        }
        endArray()
        endObject()
    }
}
