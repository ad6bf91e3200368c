/// Whether Docker is ready for tasks, where the agent has the containerizer `docker`.
enum DockerCheck {
    private static let name = "docker"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        guard let docker = facts.docker else { return [] }
        return program(docker) + daemon(docker, facts) + overlay(facts)
    }

    private static func program(_ docker: DockerFacts) -> [Finding] {
        guard !docker.isInstalled else { return [] }
        return [
            .error(
                name, "there is no program \(docker.program)", why: "Docker tasks fail", mend: "apt install docker.io")
        ]
    }

    private static func daemon(_ docker: DockerFacts, _ facts: MachineFacts) -> [Finding] {
        switch docker.daemon {
        case .answers(let information): return settings(information)
        case .absent:
            return [
                .error(
                    name, "Docker's daemon does not run: there is no \(docker.socket)", why: "Docker tasks fail",
                    mend: docker.isInstalled ? "systemctl enable --now docker" : "apt install docker.io")
            ]
        case .forbidden:
            return [facts.unseen(name, "Docker's daemon", "this user may not use \(docker.socket)")]
        case .silent(let reason):
            return [
                .error(
                    name, "Docker's daemon does not answer at \(docker.socket): \(reason)", why: "Docker tasks fail",
                    mend: "systemctl restart docker")
            ]
        }
    }

    private static func settings(_ docker: DockerInformation) -> [Finding] {
        var findings: [Finding] = []
        if docker.controlGroupVersion == "1" {
            findings.append(
                .warning(
                    name, "Docker uses cgroup version 1", why: "its tasks are counted apart from all others",
                    mend: "systemctl restart docker"))
        } else if docker.controlGroupDriver != "systemd" {
            findings.append(
                .warning(
                    name, "Docker's cgroup driver is \(docker.controlGroupDriver)",
                    why: "Docker and systemd both change the same cgroups",
                    mend: setting(
                        #"."exec-opts" = [."exec-opts"[]? | select(startswith("native.cgroupdriver=") | not)]"#
                            + #" + ["native.cgroupdriver=systemd"]"#)))
        }
        if docker.storageDriver == "vfs" {
            findings.append(
                .warning(
                    name, "Docker's storage driver is vfs", why: "each container gets a whole copy of its image",
                    mend: setting(#"."storage-driver" = "overlay2""#)))
        }
        guard findings.isEmpty else { return findings }
        return [
            .ok(
                name,
                "Docker \(docker.version) answers: cgroup driver \(docker.controlGroupDriver), "
                    + "storage \(docker.storageDriver)")
        ]
    }

    /// The command that changes one of Docker's settings, by an expression of jq, and leaves the others as they are.
    private static func setting(_ change: String) -> String {
        let file = "/etc/docker/daemon.json"
        return
            "apt-get install -y jq && mkdir -p /etc/docker && { cat \(file) 2> /dev/null || echo '{}'; } | jq '\(change)' "
            + "> \(file).new && mv \(file).new \(file) && systemctl restart docker"
    }

    private static func overlay(_ facts: MachineFacts) -> [Finding] {
        switch facts.kernel.hasOverlay {
        case nil: [facts.unseen("overlay", "the kernel's file systems", "/proc/filesystems cannot be read")]
        case true?: [.ok("overlay", "the kernel has overlayfs")]
        case false?:
            [
                .error(
                    "overlay", "the kernel has no overlayfs", why: "Docker copies each image for each container",
                    mend: "modprobe overlay && echo overlay > /etc/modules-load.d/overlay.conf")
            ]
        }
    }
}
