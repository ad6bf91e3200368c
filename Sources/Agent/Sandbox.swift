import Containerizer
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The folder that a task runs in.
enum Sandbox {
    /// Makes the sandbox for the task's user alone, and the link `latest` beside it.
    static func create(_ container: ContainerSpecification) throws {
        try SmallFile.makeDirectory(container.sandbox)
        guard chmod(container.sandbox, 0o750) == 0 else { throw failure("chmod", container.sandbox) }
        let name = container.sandbox.split(separator: "/").last.map(String.init) ?? ""
        let runs = String(container.sandbox.dropLast(name.count + 1))
        unlink("\(runs)/latest")
        symlink(name, "\(runs)/latest")
        for file in ["stdout", "stderr"] {
            let descriptor = open(
                "\(container.sandbox)/\(file)", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
            if descriptor >= 0 { close(descriptor) }
        }
        guard let user = container.user, geteuid() == 0 else { return }
        let identity = try UserIdentity(named: user)
        for path in [container.sandbox, "\(container.sandbox)/stdout", "\(container.sandbox)/stderr"] {
            guard lchown(path, identity.uid, identity.gid) == 0 else { throw failure("chown", path) }
        }
    }

    private static func failure(_ call: String, _ path: String) -> ContainerError {
        ContainerError("\(call) \(path): \(String(cString: strerror(errno)))")
    }

    /// Removes a container's state directory and what is in it.
    static func removeState(_ directory: String) {
        for name in SmallFile.names(in: directory) { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }
}
