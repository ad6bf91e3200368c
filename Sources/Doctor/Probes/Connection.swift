#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A blocking connection that gives up at its deadline.
final class Connection {
    /// Why there is no connection, or no answer: the system's word.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// The number of the system's error; 0 when there is none.
        var code: Int32 = 0
    }

    private let file: Int32
    private let end: ContinuousClock.Instant

    private init(_ file: Int32, _ end: ContinuousClock.Instant) {
        self.file = file
        self.end = end
    }

    deinit { close(file) }

    /// Connects to an IPv4 address.
    static func open(_ address: String, _ port: Int, until end: ContinuousClock.Instant) throws(Failure) -> Connection {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        guard inet_pton(AF_INET, address, &place.sin_addr) == 1 else {
            throw Failure(description: "'\(address)' is no IPv4 address")
        }
        let connection = try make(AF_INET, until: end)
        let result = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection.file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try connection.finish(result)
        return connection
    }

    /// Connects to a socket in the file system.
    static func open(socket path: String, until end: ContinuousClock.Instant) throws(Failure) -> Connection {
        var place = sockaddr_un()
        place.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: place.sun_path) else {
            throw Failure(description: "the path of the socket is too long")
        }
        withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: bytes) }
        let connection = try make(AF_UNIX, until: end)
        let result = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection.file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try connection.finish(result)
        return connection
    }

    private static func make(_ family: Int32, until end: ContinuousClock.Instant) throws(Failure) -> Connection {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let file = socket(family, kind, 0)
        guard file >= 0 else { throw failure(errno) }
        return Connection(file, end)
    }

    private static func failure(_ code: Int32) -> Failure {
        Failure(description: String(cString: strerror(code)), code: code)
    }

    private func finish(_ result: Int32) throws(Failure) {
        if result == 0 { return }
        guard errno == EINPROGRESS else { throw Self.failure(errno) }
        guard Descriptor.wait(file, for: Int16(POLLOUT), until: end) else { throw Self.failure(ETIMEDOUT) }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(file, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw Self.failure(code) }
    }

    func send(_ bytes: [UInt8]) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            guard Descriptor.wait(file, for: Int16(POLLOUT), until: end) else { throw Self.failure(ETIMEDOUT) }
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Self.failure(errno) }
            sent += count
        }
    }

    /// So many bytes.
    func receive(count: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = try part(maximum: count - bytes.count)
            guard !part.isEmpty else { throw Failure(description: "the connection was closed") }
            bytes += part
        }
        return bytes
    }

    /// All that comes until the other side closes, or as much of it as is allowed.
    func receiveAll(maximum: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < maximum {
            let part = try part(maximum: maximum - bytes.count)
            if part.isEmpty { break }
            bytes += part
        }
        return bytes
    }

    /// What comes next; nothing at the end.
    private func part(maximum: Int) throws(Failure) -> [UInt8] {
        guard Descriptor.wait(file, for: Int16(POLLIN), until: end) else { throw Self.failure(ETIMEDOUT) }
        var buffer = [UInt8](repeating: 0, count: min(maximum, 65_536))
        let count = recv(file, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Self.failure(errno) }
        return Array(buffer[..<count])
    }
}
