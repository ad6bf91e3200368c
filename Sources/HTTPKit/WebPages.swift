import NIOHTTP1

/// Files of a web interface, held in memory and served with their type and an entity tag.
public struct WebPages: Sendable {
    public struct File: Sendable {
        let type: String
        let bytes: [UInt8]
        let tag: String

        public init(type: String, bytes: [UInt8]) {
            self.type = type
            self.bytes = bytes
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a: enough to tell versions of a file apart.
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            tag = "\"\(String(hash, radix: 16))\""
        }
    }

    private let files: [String: File]

    /// Files by their path, which starts with a slash.
    public init(_ files: [String: File]) { self.files = files }

    /// Nil when the path is no file of the interface.
    public func response(to path: String, _ request: HTTPRequest) -> HTTPResponse? {
        guard let file = files[path] else { return nil }
        guard request.method == .GET || request.method == .HEAD else {
            return .methodNotAllowed(request.method, allowed: ["GET", "HEAD"])
        }
        let headers: HTTPHeaders = [
            "Content-Type": file.type, "ETag": file.tag, "Cache-Control": "no-cache",
            "Content-Security-Policy": "default-src 'self'; connect-src *", "X-Content-Type-Options": "nosniff",
        ]
        if request.headers.first(name: "If-None-Match") == file.tag {
            return HTTPResponse(.notModified, headers: headers)
        }
        return HTTPResponse(.ok, headers: headers, body: file.bytes)
    }
}

extension WebPages.File {
    public static func html(_ bytes: [UInt8]) -> Self { Self(type: "text/html; charset=utf-8", bytes: bytes) }
    public static func script(_ bytes: [UInt8]) -> Self { Self(type: "text/javascript; charset=utf-8", bytes: bytes) }
    public static func style(_ bytes: [UInt8]) -> Self { Self(type: "text/css; charset=utf-8", bytes: bytes) }

    /// What the pages of all programs have in common.
    public static let commonScript = script(PackageResources.page_js)
    public static let commonStyle = style(PackageResources.style_css)
    public static let commonIcon = Self(type: "image/svg+xml", bytes: PackageResources.icon_svg)
}
