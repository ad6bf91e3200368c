import MesosProtocol
import ServiceKit

/// Whether a master still says something: a connection whose other end is gone may stay open for hours, and a master
/// that hangs keeps it open for ever.
struct MasterWatch: Sendable, Equatable {
    /// How often something has to be heard of the master, if only a heartbeat.
    let interval: Duration
    var lastHeard: Timestamp

    func isSilent(_ now: Timestamp, threshold: Int) -> Bool { now - lastHeard >= interval * threshold }

    /// How often a master sends heartbeats, by its own word; nil when it does not say.
    static func interval(of event: SchedulerAPI.Event.Subscribed) -> Duration? {
        guard let seconds = event.heartbeatIntervalSeconds, seconds > 0, seconds < 86_400 else { return nil }
        return .seconds(seconds)
    }
}

extension MarathonCore {
    /// Gives up the connection to a master that was silent for too long, the one that is only being made too.
    mutating func leaveSilentMaster(_ now: Timestamp) {
        guard let watch, watch.isSilent(now, threshold: configuration.heartbeatThreshold) else { return }
        disconnected()
        log("nothing was heard of the master for \(Int((now - watch.lastHeard).inSeconds)) s: subscribing again")
        effects.append(.resubscribe)
    }
}
