import HTTPKit
import MesosProtocol
import NIOHTTP1

/// One message between actors, taken from the HTTP request that carried it.
public struct LibprocessMessage: Sendable {
    public let from: UPID?
    /// The receiving actor (`master`, `slave(1)`).
    public let to: String
    /// The full protobuf name (`mesos.internal.RegisterSlaveMessage`).
    public let name: String
    public let body: [UInt8]

    /// Nil when the request is no libprocess message: those are POSTs with a sender in `Libprocess-From` or in a
    /// `User-Agent` that starts with `libprocess/`.
    public init?(_ request: HTTPRequest) {
        guard request.method == .POST else { return nil }
        let sender: Substring
        if let from = request.headers.first(name: "Libprocess-From") {
            sender = from[...]
        } else if let agent = request.headers.first(name: "User-Agent"), agent.hasPrefix("libprocess/") {
            sender = agent.dropFirst("libprocess/".count)
        } else {
            return nil
        }
        let parts = request.path.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        from = UPID(String(sender))
        to = String(parts[0])
        name = String(parts[1])
        body = request.body
    }

    /// The message as a type, when it is that type and well formed.
    public func decode<M: ProtoMessage>(_ type: M.Type) -> M? {
        guard name == M.messageName else { return nil }
        return try? M(protobuf: body)  // Mesos drops what does not parse.
    }
}
