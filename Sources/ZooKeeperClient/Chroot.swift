import ZooKeeperProtocol

/// The node that is the root of everything a client sees.
struct Chroot: Sendable, Equatable {
    /// Empty for the ensemble's own root.
    private let prefix: String

    init(_ path: String) { prefix = path == "/" ? "" : path }

    /// A path of the client's as the server knows it.
    func full(_ path: String) -> String { prefix.isEmpty ? path : path == "/" ? prefix : prefix + path }

    /// A path of the server's as the client knows it; one that is not below the root stays as it is.
    func local(_ path: String) -> String { below(path) ?? path }

    /// A path of the server's as the client knows it; nil when it is not below the root.
    func below(_ path: String) -> String? {
        guard !prefix.isEmpty else { return path }
        guard path.utf8.starts(with: prefix.utf8) else { return nil }
        let rest = path.utf8.dropFirst(prefix.utf8.count)
        if rest.isEmpty { return "/" }
        return rest.first == UInt8(ascii: "/") ? String(decoding: rest, as: UTF8.self) : nil
    }
}
