import JSONText
import ServiceKit

/// A change under way: until it is done, its apps take no other change unless forced.
struct Deployment: Sendable, Equatable {
    enum Action: String, Sendable {
        case start = "StartApplication"
        case stop = "StopApplication"
        case scale = "ScaleApplication"
        case restart = "RestartApplication"
    }

    struct Step: Sendable, Equatable {
        let action: Action
        let apps: [AppID]
    }

    let id: String
    let version: Timestamp
    let steps: [Step]
    /// What each app was before; nil for one that was not there.
    let originals: [AppID: AppDefinition?]

    var apps: [AppID] { originals.keys.sorted { $0.path < $1.path } }

    /// As GET /v2/deployments shows it. Starting an app with no instances is over at once, so that the last step is
    /// the one at work.
    var json: JSON {
        func actions(_ step: Step) -> JSON {
            .array(
                step.apps.map {
                    .members(["action": .string(step.action.rawValue), "app": .string($0.path)])
                })
        }
        let current = steps.last.map { step in
            step.apps.map {
                JSON.members([
                    "action": .string(step.action.rawValue), "app": .string($0.path), "readinessCheckResults": [],
                ])
            }
        }
        return .members([
            "id": .string(id), "version": .string(version.iso8601),
            "affectedApps": .array(apps.map { .string($0.path) }), "affectedPods": [],
            "steps": .array(steps.map { .members(["actions": actions($0)]) }), "currentActions": .array(current ?? []),
            "currentStep": .integer(Int64(steps.count)), "totalSteps": .integer(Int64(steps.count)),
        ])
    }
}
