/// Whether what the services tell others of themselves leads here.
enum HostnameCheck {
    private static let name = "hostname"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        let services = facts.expected.filter { $0.kind != .coordinator && $0.unreadable.isEmpty }
        return services.flatMap { named($0, facts) + advertised($0, facts) }
    }

    private static func named(_ service: ServiceFacts, _ facts: MachineFacts) -> [Finding] {
        let host = service.toldName ?? facts.hostname
        let source = host == facts.hostname ? "the machine's name" : "the hostname of \(service.name)"
        let mend =
            "echo \(facts.ownAddress) > \(service.kind.directory)/hostname && systemctl restart \(service.name)"
        switch facts.names[host] {
        case nil: return []
        case .unseen(let reason)?:
            return [
                .error(
                    name, "\(source), \(host), does not resolve: \(reason)",
                    why: "browsers, Marathon and other machines cannot follow it", mend: mend)
            ]
        case .seen(let addresses)?:
            if addresses.allSatisfy(NetworkAddress.isLoopback) {
                guard facts.hasOtherMachines else {
                    return [.ok(name, "\(host) of \(service.name) is \(list(addresses)), for this machine alone")]
                }
                return [
                    .error(
                        name, "\(source), \(host), resolves to \(list(addresses))",
                        why: "on other machines that is themselves", mend: mend)
                ]
            }
            guard addresses.contains(where: facts.isOwn) else {
                return [
                    .warning(
                        name, "\(source), \(host), resolves to \(list(addresses)), which is no address of this machine",
                        why: "others look for \(service.name) elsewhere, unless the address is translated", mend: mend)
                ]
            }
            return [.ok(name, "\(host) of \(service.name) is \(list(addresses))")]
        }
    }

    private static func list(_ addresses: [String]) -> String { addresses.joined(separator: ", ") }

    /// The address that masters and agents tell: without a flag it is that of the machine's name.
    private static func advertised(_ service: ServiceFacts, _ facts: MachineFacts) -> [Finding] {
        guard service.kind == .master || service.kind == .agent else { return [] }
        let settings = service.settings
        let flag = "echo \(facts.ownAddress) > \(service.kind.directory)/"
        if settings.address != "0.0.0.0", !facts.isOwn(settings.address) {
            return [
                .error(
                    name, "\(service.name) is to listen on \(settings.address), which is no address of this machine",
                    why: "it does not start", mend: "\(flag)ip && systemctl restart \(service.name)")
            ]
        }
        let bound = settings.address == "0.0.0.0" ? nil : settings.address
        let found = facts.names[facts.hostname]?.value?.first { NetworkAddress.isIPv4($0) }
        let address = settings.advertisedAddress ?? bound ?? found ?? "127.0.0.1"
        guard NetworkAddress.isLoopback(address), facts.hasOtherMachines else { return [] }
        return [
            .error(
                name, "\(service.name) tells others that its address is \(address)",
                why: "on other machines that is themselves: they cannot connect to it",
                mend: "\(flag)advertise_ip && systemctl restart \(service.name)")
        ]
    }
}
