#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Names and addresses of this machine.
public enum Hostname {
    /// The machine's own name.
    public static var machine: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The machine's name with its domain, as far as the resolver knows it.
    public static var canonical: String {
        var hints = addrinfo()
        hints.ai_flags = AI_CANONNAME
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(machine, nil, &hints, &list) == 0, let first = list else { return machine }
        defer { freeaddrinfo(list) }
        return first.pointee.ai_canonname.map { String(cString: $0) } ?? machine
    }

    /// The IPv4 address of the machine's name; the loopback address when it has none.
    public static var address: String { resolve(machine) ?? "127.0.0.1" }

    /// The name of an address, or the machine's own when there is none.
    public static func name(of ip: String) -> String {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        guard inet_pton(AF_INET, ip, &address.sin_addr) == 1 else { return machine }
        var buffer = [CChar](repeating: 0, count: 1025)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getnameinfo(
                    $0, socklen_t(MemoryLayout<sockaddr_in>.size), &buffer, socklen_t(buffer.count), nil, 0,
                    NI_NAMEREQD)
            }
        }
        guard result == 0 else { return machine }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The first IPv4 address of a name, or nil.
    public static func resolve(_ name: String) -> String? {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(list) }
        var buffer = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        let isRead = first.pointee.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
            inet_ntop(AF_INET, &pointer.pointee.sin_addr, &buffer, socklen_t(buffer.count)) != nil
        }
        guard isRead else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// An IPv4 address as Mesos's `MasterInfo.ip` has it: network order read as a little-endian number.
    public static func littleEndian(_ ip: String) -> UInt32 {
        let parts = ip.split(separator: ".").compactMap { UInt32($0) }
        guard parts.count == 4 else { return 0 }
        return parts[0] | parts[1] << 8 | parts[2] << 16 | parts[3] << 24
    }
}

/// Random UUIDs (RFC 9562, version 4) without Foundation.
public enum UUIDText {
    /// The 16 bytes of a new one.
    public static func randomBytes() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        return bytes
    }

    /// A new one as text.
    public static func random() -> String { text(randomBytes()) }

    public static func text(_ bytes: [UInt8]) -> String {
        let digits = bytes.map { byte in
            let hex = String(byte, radix: 16)
            return hex.count < 2 ? "0" + hex : hex
        }
        let groups = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16]
        return groups.map { digits[$0].joined() }.joined(separator: "-")
    }
}
