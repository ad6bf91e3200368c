import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Names and addresses as the machine's resolver and its interfaces tell them.
enum NetworkNames {
    /// The IPv4 addresses of a name; the resolver's word when there is none. Blocks.
    static func resolve(_ name: String) -> Observed<[String]> {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let error = getaddrinfo(name, nil, &hints, &list)
        guard error == 0 else { return .unseen(String(cString: gai_strerror(error))) }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var next = list
        while let entry = next?.pointee {
            if let text = text(entry.ai_addr), !addresses.contains(text) { addresses.append(text) }
            next = entry.ai_next
        }
        return addresses.isEmpty ? .unseen("it has no IPv4 address") : .seen(addresses)
    }

    /// The name that a service tells others, as masters and agents find it. Blocks.
    static func told(_ settings: ServiceSettings) -> String {
        if let hostname = settings.hostname { return hostname }
        guard settings.namesItsAddress else { return Hostname.machine }
        let bound = settings.address == "0.0.0.0" ? nil : settings.address
        let address = settings.advertisedAddress ?? bound ?? Hostname.address
        return settings.looksUpHostname ? Hostname.name(of: address) : address
    }

    /// The IPv4 addresses of the interfaces but the loopback's, that of the given interface first.
    static func own(first preferred: String?) -> [String] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [(interface: String, address: String)] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr, let name = entry.ifa_name, let text = text(address) else { continue }
            if !NetworkAddress.isLoopback(text) { found.append((String(cString: name), text)) }
        }
        return (found.filter { $0.interface == preferred } + found.filter { $0.interface != preferred }).map(\.address)
    }

    /// Nil for an address of another family than IPv4.
    private static func text(_ address: UnsafeMutablePointer<sockaddr>?) -> String? {
        guard let address, address.pointee.sa_family == sa_family_t(AF_INET) else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        let isRead = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            inet_ntop(AF_INET, &$0.pointee.sin_addr, &buffer, socklen_t(buffer.count)) != nil
        }
        guard isRead else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
