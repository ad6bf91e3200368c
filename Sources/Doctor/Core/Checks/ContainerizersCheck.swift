/// Whether the agent knows its containerizers (the flag `containerizers`).
enum ContainerizersCheck {
    private static let name = "containerizers"
    private static let known = ["docker", "mesos", "process"]
    private static let file = "/etc/mesos-slave/containerizers"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        guard let agent = facts.service(.agent), agent.unreadable.isEmpty else { return [] }
        let names = agent.settings.containerizers
        let mend = "echo docker,mesos > \(file) && systemctl restart mesos-slave"
        guard !names.isEmpty else {
            return [
                .error(name, "the flag containerizers names none", why: "mesos-slave does not start", mend: mend)
            ]
        }
        var findings = names.filter { !known.contains($0) }.map { wrong in
            Finding.error(
                name, "'\(wrong)' is no containerizer: there are docker, mesos and process",
                why: "mesos-slave does not start", mend: mend)
        }
        let twice = Set(names.filter { name in names.count { $0 == name } > 1 }).sorted()
        findings += twice.map {
            .warning(
                name, "the containerizer \($0) is named twice", why: "the second one never gets a task", mend: mend)
        }
        if let process = names.firstIndex(of: "process"), let mesos = names.firstIndex(of: "mesos"), process < mesos {
            findings.append(
                .warning(
                    name, "process stands before mesos", why: "process takes every plain task, without limits",
                    mend: mend))
        }
        if findings.isEmpty { findings.append(.ok(name, names.joined(separator: ", "))) }
        return findings + time(agent)
    }

    /// Docker pulls images in the time that a container has to start.
    private static func time(_ agent: ServiceFacts) -> [Finding] {
        let seconds = agent.settings.startSeconds
        guard agent.settings.containerizers.contains("docker"), seconds < 120 else { return [] }
        return [
            .note(
                name, "a container has \(Int(seconds)) s to start (executor_registration_timeout)",
                why: "a task fails when Docker needs longer for its image",
                mend: "echo 15mins > /etc/mesos-slave/executor_registration_timeout && systemctl restart mesos-slave")
        ]
    }
}
