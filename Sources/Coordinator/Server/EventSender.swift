import Dispatch
import Glibc

/// Sends events to many sockets at once, on all processors: what an event costs is the system call for each watcher.
/// The caller waits for the end, so that nothing else is written to the sockets meanwhile.
enum EventSender {
    /// One frame for one socket, which must have nothing else to send and must not close during the call.
    struct Item {
        let socket: CInt
        let frame: [UInt8]
        /// How much of the frame the socket took; its channel sends the rest, or meets the error.
        fileprivate(set) var sent = 0

        init(socket: CInt, frame: [UInt8]) {
            self.socket = socket
            self.frame = frame
        }
    }

    /// With fewer items a thread costs more than it saves.
    private static let itemsPerThread = 32

    static func send(_ items: inout [Item]) {
        items.withUnsafeMutableBufferPointer { items in
            let count = items.count
            let threads = max(1, min(SystemProcessors.count, count / itemsPerThread))
            // Safe: each iteration has items of its own, and `concurrentPerform` returns when all have ended.
            nonisolated(unsafe) let items = items
            DispatchQueue.concurrentPerform(iterations: threads) { part in
                for index in (count * part / threads)..<(count * (part + 1) / threads) {
                    items[index].sent = write(items[index])
                }
            }
        }
    }

    private static func write(_ item: Item) -> Int {
        max(0, Glibc.send(item.socket, item.frame, item.frame.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)))
    }
}

private enum SystemProcessors {
    static let count = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
