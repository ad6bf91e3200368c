import NIOCore
import Synchronization

/// The open connections of a server, so that stopping it leaves none behind.
final class ConnectionSet: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// False when the server has as many connections as it may.
    func insert(_ channel: any Channel) -> Bool {
        let isTaken = channels.withLock { channels in
            guard channels.count < limit else { return false }
            channels[ObjectIdentifier(channel)] = channel
            return true
        }
        if isTaken {
            channel.closeFuture.whenComplete { [self] _ in
                channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
            }
        }
        return isTaken
    }

    func closeAll() {
        let open = channels.withLock { Array($0.values) }
        for channel in open { channel.close(promise: nil) }
    }
}
