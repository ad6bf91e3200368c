import HTTPKit
import JSONText
import MesosProtocol
import ServiceKit

@testable import Marathon

/// A Marathon without a store or a master, driven by events.
struct TestMarathon {
    static let start = Timestamp(seconds: 1_000_000)

    var core: MarathonCore
    /// What came of the last event.
    private(set) var effects: [MarathonEffect] = []

    init(configure: (inout MarathonCore.Configuration) -> Void = { _ in }) {
        var configuration = MarathonCore.Configuration()
        configure(&configuration)
        core = MarathonCore(
            configuration: configuration, frameworkID: "f", versions: [], instances: [], now: Self.start)
    }

    /// Something happens a number of seconds after the start.
    mutating func handle(_ event: MarathonEvent, at seconds: Double) {
        effects = core.handle(event, at: Self.start + .seconds(seconds))
    }

    mutating func subscribed(heartbeats interval: Double? = nil, at seconds: Double) {
        handle(.subscribing, at: seconds)
        let event = SchedulerAPI.Event.Subscribed.with {
            $0.frameworkID = Mesos.FrameworkID("f")
            $0.heartbeatIntervalSeconds = interval
        }
        handle(.subscribed(event), at: seconds)
    }

    mutating func create(_ app: JSON, at seconds: Double) {
        handle(.change(request: 1, .create(app, force: false)), at: seconds)
    }

    var resubscribes: Bool {
        effects.contains { if case .resubscribe = $0 { true } else { false } }
    }

    var calls: [SchedulerAPI.Call] {
        effects.compactMap { if case .call(let call) = $0 { call } else { nil } }
    }

    var answers: [HTTPResponse] {
        effects.compactMap { if case .respond(_, let response) = $0 { response } else { nil } }
    }

    /// The lines of the last step, with what they are about.
    var logs: [String] {
        effects.compactMap { effect in
            guard case .log(let text, let app, let task) = effect else { return nil }
            return text + (app.map { " app=\($0)" } ?? "") + (task.map { " task=\($0)" } ?? "")
        }
    }

    static let offers = SchedulerAPI.Event.with { event in
        event.type = .offers
        event.offers = .with { offers in
            offers.offers = [
                .with { offer in
                    offer.id = Mesos.OfferID("o")
                    offer.frameworkID = Mesos.FrameworkID("f")
                    offer.agentID = Mesos.AgentID("a")
                    offer.hostname = "host"
                    offer.allocationInfo = .with { $0.role = "*" }
                    offer.resources = [scalar("cpus", 4), scalar("mem", 1024)]
                }
            ]
        }
    }

    private static func scalar(_ name: String, _ amount: Double) -> Mesos.Resource {
        .with { resource in
            resource.name = name
            resource.type = .scalar
            resource.scalar = .with { $0.value = amount }
            resource.allocationInfo = .with { $0.role = "*" }
        }
    }
}
