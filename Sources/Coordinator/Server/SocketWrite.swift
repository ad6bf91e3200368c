import Dispatch
import Glibc

/// Bytes for one socket, which must have nothing else to send and must not close during the call.
struct SocketWrite {
    let socket: CInt
    let bytes: [UInt8]
    /// How many the socket took; its channel sends the rest, or meets the error.
    private(set) var sent = 0

    init(socket: CInt, bytes: [UInt8]) {
        self.socket = socket
        self.bytes = bytes
    }

    mutating func perform() {
        sent = max(0, send(socket, bytes, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)))
    }
}

extension SocketWrite {
    /// So many are one portion of a processor: few, as one that is interrupted lets the others wait.
    private static let portion = 16

    /// Writes to many sockets, on all processors: what an event costs is the system call for each watcher. The caller
    /// waits for the end, so that nothing else is written to the sockets meanwhile.
    static func perform(_ writes: inout [SocketWrite]) {
        writes.withUnsafeMutableBufferPointer { writes in
            let count = writes.count
            // Safe: each iteration has writes of its own, and `concurrentPerform` returns when all have ended.
            nonisolated(unsafe) let writes = writes
            DispatchQueue.concurrentPerform(iterations: (count + portion - 1) / portion) { part in
                for index in (part * portion)..<min(count, (part + 1) * portion) { writes[index].perform() }
            }
        }
    }
}
