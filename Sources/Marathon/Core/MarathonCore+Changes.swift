import HTTPKit
import JSONText
import ServiceKit

extension MarathonCore {
    mutating func change(_ request: UInt64, _ change: Change, _ now: Timestamp) {
        let response: HTTPResponse
        let before = self
        do throws(APIError) {
            response = try carryOut(change, now)
        } catch {
            // A change that is refused half-way is no change.
            self = before
            response = error.response
        }
        effects.append(.respond(request: request, response))
    }

    private mutating func carryOut(_ change: Change, _ now: Timestamp) throws(APIError) -> HTTPResponse {
        switch change {
        case .create(let body, let force): return try create(body, force, now)
        case .update(let id, let body, let replaces, let creates, let force):
            let app = try updated(id, body, replaces: replaces, creates: creates)
            let isNew = apps[app.id] == nil
            var response = try deploy([app], force: force, now)
            if isNew {
                response.status = .created
                response.headers.add(name: "Location", value: app.id.path)
            }
            return response
        case .updateAll(let bodies, let replaces, let creates, let force):
            var changed: [AppDefinition] = []
            for body in bodies {
                guard let id = body.value("id")?.string else {
                    throw .schema([Problem(path: "/id", text: "error.path.missing")])
                }
                changed.append(try updated(id, body, replaces: replaces, creates: creates))
            }
            return try deploy(changed, force: force, now)
        case .delete(let id, let force):
            guard let app = AppID(id).flatMap({ apps[$0] }) else { throw .unknownApp(Self.shown(id)) }
            return try stop(app, force: force, now)
        case .restart(let id, let force):
            guard let app = AppID(id).flatMap({ apps[$0] }) else { throw .unknownApp(Self.shown(id)) }
            return try deploy([app], force: force, restarts: true, now)
        case .kill(let tasks, let scale, let force, let answer):
            return try kill(tasks, scale: scale, force: force, answer, now)
        case .cancel(let id, let force): return try cancel(id, force: force, now)
        }
    }

    /// Below what ZooKeeper takes in one node (`jute.maxbuffer`).
    private static let maximumDefinition = 900_000

    static func shown(_ id: String) -> String { AppID(id)?.path ?? (id.hasPrefix("/") ? id : "/" + id) }

    private mutating func create(_ body: JSON, _ force: Bool, _ now: Timestamp) throws(APIError) -> HTTPResponse {
        let app = try parser.parse(body)
        guard apps[app.id] == nil else { throw .message(409, "An app with id [\(app.id)] already exists.") }
        var response = try deploy([app], force: force, now)
        guard let stored = apps[app.id], let deployment = deployments.last else { return response }
        var json = stored.json
        json.set("versionInfo", nil)
        for name in ["tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy"] { json.set(name, 0) }
        json.set("deployments", .array([.members(["id": .string(deployment.id)])]))
        response = .json(.created, json)
        response.headers.add(name: "Location", value: app.id.path)
        response.headers.add(name: "Marathon-Deployment-Id", value: deployment.id)
        return response
    }

    /// An app with the fields of a body changed, or a new one.
    private func updated(
        _ text: String, _ body: JSON, replaces: Bool, creates: Bool
    ) throws(APIError) -> AppDefinition {
        guard case .object(let members) = body else {
            throw .schema([Problem(path: "", text: "error.expected.jsobject")])
        }
        if let version = body.value("version")?.string,
            members.contains(where: { $0.name != "version" && $0.name != "id" && $0.value != .null }) == false
        {
            return try oldVersion(text, version)
        }
        if replaces, body.value("version") != nil {
            throw .invalid("/", "The 'version' field may only be combined with the 'id' field.")
        }
        guard let known = AppID(text).flatMap({ apps[$0] }) else {
            let app = try parser.parse(body, path: text)
            guard creates else { throw .unknownApp(Self.shown(text)) }
            return app
        }
        if body.value("version") != nil {
            throw .invalid("/", "The 'version' field may only be combined with the 'id' field.")
        }
        return try parser.parse(replaces ? body : Self.merged(known, members), path: known.id.path)
    }

    /// The known definition with the fields of an update over it. A changed network drops ports of the other kind.
    private static func merged(_ known: AppDefinition, _ members: [JSON.Member]) -> JSON {
        var json = known.json
        for name in ["version", "versionInfo"] { json.set(name, nil) }
        let names = Set(members.filter { $0.value != .null }.map(\.name))
        if !names.isDisjoint(with: ["networks", "container"]) || names.contains("ports") {
            json.set("portDefinitions", nil)
        }
        if names.contains("container"), !names.contains("networks"),
            members.first(where: { $0.name == "container" })?.value.value("docker")?.value("network") != nil
        {
            json.set("networks", nil)
        }
        if names.contains("args"), !names.contains("cmd") { json.set("cmd", nil) }
        if names.contains("cmd"), !names.contains("args") { json.set("args", nil) }
        for member in members where member.value != .null { json.set(member.name, member.value) }
        return json
    }

    private func oldVersion(_ text: String, _ version: String) throws(APIError) -> AppDefinition {
        guard let id = AppID(text), apps[id] != nil else { throw .unknownApp(Self.shown(text)) }
        guard let moment = Timestamp(iso8601: version) else {
            throw .message(422, "Invalid timestamp provided '\(version)'. Expecting ISO-8601 datetime string.")
        }
        guard let old = versions[id]?.last(where: { $0.version.milliseconds == moment.milliseconds }) else {
            throw .message(404, "App '\(id)' does not exist in version \(version)")
        }
        return old
    }

    /// Makes definitions the current ones and starts the deployment that brings them about.
    mutating func deploy(
        _ changed: [AppDefinition], force: Bool, restarts: Bool = false, _ now: Timestamp
    ) throws(APIError) -> HTTPResponse {
        try checkRoles(changed)
        guard changed.allSatisfy({ $0.json.text.utf8.count <= Self.maximumDefinition }) else {
            throw .message(422, "An app definition may have \(Self.maximumDefinition) bytes at most")
        }
        try lock(changed.map(\.id), force: force)
        let version = nextVersion(now)
        var taken = Set(apps.values.flatMap(\.servicePorts))
        var plan = DeploymentPlan()
        var operations: [StoreOperation] = []
        for var app in changed {
            let old = apps[app.id]
            try assignPorts(&app, old, &taken)
            app.version = version
            if let old, !restarts, !old.needsRestart(app) {
                app.lastConfigChangeAt = old.lastConfigChangeAt
                if old.instances == app.instances {
                    plan.add(unchanged: app.id, old)
                    continue
                }
                app.lastScalingAt = version
                plan.scale(app.id, old)
            } else {
                app.lastConfigChangeAt = version
                app.lastScalingAt = restarts ? old?.lastScalingAt ?? version : version
                if let old { plan.restart(app.id, old) } else { plan.start(app.id) }
                delays[app.id] = nil
            }
            apps[app.id] = app
            keepVersion(app)
            operations.append(.saveApp(app))
        }
        return begin(plan, operations, version)
    }

    /// Stores what changed, then answers; the deployment goes on by itself.
    private mutating func begin(
        _ plan: DeploymentPlan, _ operations: [StoreOperation], _ version: Timestamp
    ) -> HTTPResponse {
        let deployment = Deployment(id: newUUID(), version: version, steps: plan.steps, originals: plan.originals)
        if !operations.isEmpty { effects.append(.store(operations)) }
        if !deployment.steps.isEmpty { deployments.append(deployment) }
        log("deployment \(deployment.id) of \(deployment.apps.map(\.path).joined(separator: ", "))")
        var response = HTTPResponse.json(
            .ok,
            .members(["version": .string(version.iso8601), "deploymentId": .string(deployment.id)]))
        response.headers.add(name: "Marathon-Deployment-Id", value: deployment.id)
        return response
    }

    private mutating func keepVersion(_ app: AppDefinition) {
        versions[app.id, default: []].append(app)
        let excess = (versions[app.id]?.count ?? 0) - configuration.maximumVersions
        if excess > 0 { versions[app.id]?.removeFirst(excess) }
    }

    private mutating func stop(_ app: AppDefinition, force: Bool, _ now: Timestamp) throws(APIError) -> HTTPResponse {
        try lock([app.id], force: force)
        apps[app.id] = nil
        lastFailures[app.id] = nil
        versions[app.id] = nil
        delays[app.id] = nil
        var plan = DeploymentPlan()
        plan.stop(app.id, app)
        return begin(plan, [.removeApp(app.id)], nextVersion(now))
    }

    /// Refuses a change of apps that others change already; forced, the others are given up.
    private mutating func lock(_ ids: [AppID], force: Bool) throws(APIError) {
        let conflicting = deployments.filter { !Set($0.apps).isDisjoint(with: ids) }
        if force {
            deployments.removeAll { deployment in conflicting.contains { $0.id == deployment.id } }
        } else if !conflicting.isEmpty {
            let text =
                "App is locked by one or more deployments. Override with the option '?force=true'. "
                + "View details at '/v2/deployments/<DEPLOYMENT_ID>'."
            throw APIError(
                status: 409,
                body: .members([
                    "message": .string(text),
                    "deployments": .array(conflicting.map { .members(["id": .string($0.id)]) }),
                ]))
        }
        guard deployments.count < configuration.maximumRunningDeployments else {
            throw .message(
                403,
                "Max number (\(configuration.maximumRunningDeployments)) of running deployments is achieved. Wait for "
                    + "existing deployments to complete or cancel oneusing force=true parameter. You can increase max "
                    + "deployment number by using --max_running_deployments parameter but be advised that this can "
                    + "have negative effects on the performance.")
        }
    }

    private func checkRoles(_ changed: [AppDefinition]) throws(APIError) {
        for app in changed where app.role != configuration.defaultRole {
            throw .invalid("/role", "got \(app.role), expected one of: [\(configuration.defaultRole)]")
        }
    }

    /// Gives each service port 0 a number: one that the app had, or the lowest that nobody has.
    private func assignPorts(
        _ app: inout AppDefinition, _ old: AppDefinition?, _ taken: inout Set<Int>
    ) throws(APIError) {
        var own = (old?.servicePorts ?? []).filter { configuration.localPorts.contains($0) }
        own.removeAll(where: app.servicePorts.contains)
        func next() -> Int? {
            if !own.isEmpty { return own.removeFirst() }
            return configuration.localPorts.first { !taken.contains($0) }
        }
        func assigned(_ port: Int) throws(APIError) -> Int {
            guard port == 0 else { return port }
            guard let free = next() else {
                let range = configuration.localPorts
                throw .message(
                    500, "All ports in the range [\(range.lowerBound)-\(range.upperBound)) are already in use")
            }
            taken.insert(free)
            return free
        }
        for index in app.portDefinitions.indices {
            app.portDefinitions[index].port = try assigned(app.portDefinitions[index].port)
        }
        guard var mappings = app.container?.portMappings else { return }
        for index in mappings.indices { mappings[index].servicePort = try assigned(mappings[index].servicePort) }
        app.container?.portMappings = mappings
    }

    /// Now, in milliseconds, and later than every version there is.
    private func nextVersion(_ now: Timestamp) -> Timestamp {
        let newest = apps.values.map(\.version.milliseconds).max() ?? 0
        return Timestamp(nanoseconds: max(now.milliseconds, newest + 1) * 1_000_000)
    }

    mutating func newUUID() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        return UUIDText.text(bytes)
    }
}

/// The steps of a deployment as they come together.
private struct DeploymentPlan {
    private var starts: [AppID] = []
    private var stops: [AppID] = []
    private var scales: [AppID] = []
    private var restarts: [AppID] = []
    private(set) var originals: [AppID: AppDefinition?] = [:]

    mutating func start(_ id: AppID) {
        starts.append(id)
        scales.append(id)
        originals[id] = .some(nil)
    }

    mutating func stop(_ id: AppID, _ old: AppDefinition) {
        stops.append(id)
        originals[id] = old
    }

    mutating func scale(_ id: AppID, _ old: AppDefinition) {
        scales.append(id)
        originals[id] = old
    }

    mutating func restart(_ id: AppID, _ old: AppDefinition) {
        restarts.append(id)
        originals[id] = old
    }

    mutating func add(unchanged id: AppID, _ old: AppDefinition) { originals[id] = old }

    /// Stop, start, then scale and restart; empty steps are dropped.
    var steps: [Deployment.Step] {
        [(Deployment.Action.stop, stops), (.start, starts), (.scale, scales), (.restart, restarts)]
            .filter { !$0.1.isEmpty }.map { Deployment.Step(action: $0.0, apps: $0.1) }
    }
}
