import HTTPKit
import JSONText
import ServiceKit

extension MarathonCore {
    /// Kills tasks by id; with `scale` the apps shrink by as many.
    mutating func kill(
        _ tasks: [String], scale: Bool, force: Bool, _ answer: KillAnswer, _ now: Timestamp
    ) throws(APIError) -> HTTPResponse {
        let found = instances.values.filter { tasks.contains($0.taskID) }.sorted { $0.id < $1.id }
        guard scale else {
            for instance in found { kill(instance.id, now, stops: false) }
            let shown = found.map { TaskView.json($0, apps[$0.app]) }
            guard answer == .single else { return .json(.ok, .members(["tasks": .array(shown)])) }
            return .json(.ok, .members(["task": shown.first ?? .null]))
        }
        var changed: [AppDefinition] = []
        for (id, killed) in Dictionary(grouping: found, by: \.app) {
            guard var app = apps[id] else { continue }
            app.instances = max(0, app.instances - killed.count)
            changed.append(app)
        }
        let response = try deploy(changed.sorted { $0.id.path < $1.id.path }, force: force, now)
        for instance in found { kill(instance.id, now, stops: true) }
        return response
    }

    /// Ends a deployment: forced, it is only forgotten; otherwise its apps go back to what they were.
    mutating func cancel(_ id: String, force: Bool, _ now: Timestamp) throws(APIError) -> HTTPResponse {
        guard let deployment = deployments.first(where: { $0.id == id }) else {
            throw .message(404, "DeploymentPlan \(id) does not exist")
        }
        deployments.removeAll { $0.id == id }
        if force { return HTTPResponse(.accepted) }
        var changed: [AppDefinition] = []
        var response: HTTPResponse?
        for (app, original) in deployment.originals.sorted(by: { $0.key.path < $1.key.path }) {
            if let original {
                changed.append(original)
            } else if apps[app] != nil {
                response = try carryOutDelete(app, now)
            }
        }
        if !changed.isEmpty { response = try deploy(changed, force: true, now) }
        return response ?? .json(.ok, .members(["version": .string(now.iso8601), "deploymentId": .string(newUUID())]))
    }

    private mutating func carryOutDelete(_ id: AppID, _ now: Timestamp) throws(APIError) -> HTTPResponse {
        change(0, .delete(id: id.path, force: true), now)
        // The answer to the inner change is that of the outer one.
        guard case .respond(_, let response)? = effects.last else { throw .unknownApp(id.path) }
        effects.removeLast()
        return response
    }

    /// A deployment is done when its apps have what they should, and nothing of what they had.
    mutating func finishDeployments(_ now: Timestamp) {
        for deployment in deployments where deployment.apps.allSatisfy({ isSettled($0, now) }) {
            deployments.removeAll { $0.id == deployment.id }
            log("deployment \(deployment.id) succeeded")
        }
    }

    private func isSettled(_ id: AppID, _ now: Timestamp) -> Bool {
        let own = instances.values.filter { $0.app == id }
        guard let app = apps[id] else { return own.isEmpty }
        let current = own.filter { $0.configVersion == app.lastConfigChangeAt && !$0.isStopping }
        let present = own.filter {
            $0.condition != .unreachable || $0.isStopping || $0.counts(app.unreachable?.inactive, now: now)
        }
        return present.count == app.instances && current.count(where: { $0.condition == .running }) == app.instances
    }

    /// After a start: an app that is not what it should be is under a deployment again.
    mutating func resumeDeployments(_ now: Timestamp) {
        for app in apps.values.sorted(by: { $0.id.path < $1.id.path }) where !isSettled(app.id, now) {
            let own = instances.values.filter { $0.app == app.id }
            let isOutdated = own.contains { $0.configVersion != app.lastConfigChangeAt }
            let step = Deployment.Step(action: isOutdated ? .restart : .scale, apps: [app.id])
            let original = versions[app.id]?.dropLast().last
            deployments.append(
                Deployment(id: newUUID(), version: app.version, steps: [step], originals: [app.id: original ?? app]))
        }
    }
}
