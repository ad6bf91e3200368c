import NIOCore
import ServiceKit

/// Tells systemd's watchdog that the services go on. A beat says that every event loop has just done some work: one
/// that hangs stops the beats, and systemd starts the program again.
struct Watchdog {
    private let beats: RepeatedTask

    /// Nil without an interval, as when the unit has no watchdog.
    init?(
        _ group: any EventLoopGroup, every interval: Duration? = ServiceNotifier.watchdogInterval,
        beat: @escaping @Sendable () -> Void = ServiceNotifier.alive
    ) {
        guard let interval else { return nil }
        let loops = Array(group.makeIterator())
        beats = group.next().scheduleRepeatedTask(initialDelay: .zero, delay: .init(interval)) { _ in
            let alive = loops.map { $0.submit {} }
            EventLoopFuture.andAllSucceed(alive, on: group.any()).whenSuccess(beat)
        }
    }

    func stop() { beats.cancel() }
}
