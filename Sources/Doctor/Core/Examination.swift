/// All checks, in the order of their findings.
public enum Examination {
    /// What every check says; the facts decide which of them apply.
    public static func findings(_ facts: MachineFacts) -> [Finding] {
        guard !facts.services.isEmpty else {
            return [
                .warning(
                    "configuration", "none of zookeeper, mesos-master, mesos-slave and marathon is installed here",
                    why: "there is nothing to check", mend: "apt install mesos marathon mesosphere-zookeeper")
            ]
        }
        return checks.flatMap { $0(facts) }
    }

    private static let checks: [@Sendable (MachineFacts) -> [Finding]] = [
        ConfigurationCheck.findings, ContainerizersCheck.findings, UnitCheck.findings, VersionCheck.findings,
        PortCheck.findings, HostnameCheck.findings, ZooKeeperCheck.findings, MasterCheck.findings,
        ClockCheck.findings, ControlGroupCheck.findings, DockerCheck.findings, LimitCheck.findings,
        DirectoryCheck.findings, SecretCheck.findings,
    ]
}
