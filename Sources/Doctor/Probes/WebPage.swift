import ServiceKit

/// A page asked for over HTTP/1.0: its answer ends with the connection, and so needs no parser of chunks.
struct WebPage {
    private static let maximumSize = 4 << 20

    let status: Int
    let body: String
    /// How far the other's clock is ahead, in seconds; nil when it did not tell its time.
    let skewSeconds: Int?

    static func get(_ path: String, host: String, from connection: Connection) throws(Connection.Failure) -> WebPage {
        try connection.send(Array("GET \(path) HTTP/1.0\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8))
        let bytes = try connection.receiveAll(maximum: maximumSize)
        let text = String(decoding: bytes, as: UTF8.self)
        guard let page = WebPage(text, now: WallClock().now) else {
            throw Connection.Failure(description: bytes.isEmpty ? "it closed the connection" : "it speaks no HTTP")
        }
        return page
    }

    init?(_ text: String, now: Timestamp) {
        guard text.hasPrefix("HTTP/1."), let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(whereSeparator: \.isNewline)
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        self.status = status
        body = String(text[end.upperBound...])
        let date = lines.first { $0.lowercased().hasPrefix("date:") }?.dropFirst("date:".count)
        skewSeconds = date.flatMap { SystemText.seconds(ofDate: SmallFile.trimmed(String($0))) }
            .map { Int($0 - now.nanoseconds / 1_000_000_000) }
    }
}
