/// Whether what runs is what is installed.
enum VersionCheck {
    private static let name = "versions"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        let findings = facts.expected.compactMap { service in
            if service.isReplaced == true { return old(service, "an older build than is installed") }
            guard let running = service.runningVersion else { return nil }
            guard let release = running.hasPrefix("swift-mesos-") ? running.dropFirst("swift-mesos-".count) : nil else {
                return .note(
                    name, "another program than ours runs as \(service.name): \(running)",
                    why: "its flags and states may be others",
                    mend: "systemctl status \(service.name)")
            }
            guard release == facts.release else {
                return old(service, "\(release), and \(facts.release) is installed")
            }
            return .ok(name, "\(service.name) runs \(release), as is installed")
        }
        return findings
    }

    private static func old(_ service: ServiceFacts, _ what: String) -> Finding {
        .warning(
            name, "\(service.name) runs \(what)", why: "the upgrade has no effect on it yet",
            mend: "systemctl restart \(service.name)")
    }
}
