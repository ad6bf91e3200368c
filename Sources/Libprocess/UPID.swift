/// The address of a libprocess actor: `id@ip:port`.
public struct UPID: Sendable, Hashable, CustomStringConvertible {
    public let id: String
    public let ip: String
    public let port: Int

    public init(id: String, ip: String, port: Int) {
        self.id = id
        self.ip = ip
        self.port = port
    }

    /// Nil for text without `@` and a port, and for the address that stands for "nobody".
    public init?(_ text: String) {
        guard let at = text.firstIndex(of: "@"), let colon = text.lastIndex(of: ":"), at < colon,
            let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port)
        else { return nil }
        id = String(text[..<at])
        ip = String(text[text.index(after: at)..<colon])
        self.port = port
        if id.isEmpty || ip.isEmpty { return nil }
    }

    /// How Mesos writes that there is no actor.
    public static let nobody = "@0.0.0.0:0"

    public var description: String { "\(id)@\(ip):\(port)" }
    /// The process that the actor lives in.
    public var address: String { "\(ip):\(port)" }
}
