import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Where a coordinator keeps its data, and what must not be there.
enum DataDirectories {
    /// The data of another program must not look like an empty directory.
    static func refuseForeign(_ configuration: CoordinatorConfiguration) throws {
        guard Snapshot.files(in: "\(configuration.dataDirectory)/coordinator").isEmpty,
            WriteAheadLog.segments(in: "\(configuration.logDirectory)/coordinator").isEmpty
        else { return }
        for directory in Set([configuration.dataDirectory, configuration.logDirectory]) {
            let names = SmallFile.names(in: "\(directory)/version-2")
            guard names.contains(where: { $0.hasPrefix("log.") || $0.hasPrefix("snapshot.") }) else { continue }
            let isApart = configuration.logDirectory != configuration.dataDirectory
            throw LogError(
                description: "\(directory)/version-2 holds the data of an Apache ZooKeeper: take it over with "
                    + "`mesos-coordinator import --config=ZOO.CFG --from=\(configuration.dataDirectory)"
                    + (isApart ? " --from_log=\(configuration.logDirectory)" : "")
                    + "`, or move it away to start empty")
        }
    }

    /// A service whose /tmp is its own (systemd.exec(5), PrivateTmp=) sees nothing of what others have there, and what it
    /// keeps there goes when it is stopped.
    static func refusePrivate(
        _ configuration: CoordinatorConfiguration, mounts: String? = SmallFile.read("/proc/self/mountinfo")
    ) throws {
        for directory in [configuration.dataDirectory, configuration.logDirectory] {
            for line in (mounts ?? "").split(separator: "\n") {
                // proc(5): ID, parent, device, root of the mount, where it is mounted.
                let fields = line.split(separator: " ")
                guard fields.count > 4, fields[3].contains("/systemd-private-"),
                    "\(directory)/".hasPrefix("\(fields[4])/")
                else { continue }
                throw LogError(
                    description: "\(directory) is in the private \(fields[4]) of this service, which goes when it is "
                        + "stopped: set dataDir (and dataLogDir) to a directory like /var/lib/zookeeper, and take over "
                        + "what is there with `mesos-coordinator import`")
            }
        }
    }

    /// The directories of log and snapshots, made if need be.
    static func of(
        _ configuration: CoordinatorConfiguration
    ) throws -> (log: String, snapshots: String) {
        let log = "\(configuration.logDirectory)/coordinator"
        let snapshots = "\(configuration.dataDirectory)/coordinator"
        try SmallFile.makeDirectory(log, mode: 0o700)
        try SmallFile.makeDirectory(snapshots, mode: 0o700)
        return (log, snapshots)
    }

    /// Leaves what root has made for a service to the owner of the directory that it is in. That owner may have put links
    /// there meanwhile: none is followed, and nothing that has another name elsewhere is given away.
    static func handOver(_ configuration: CoordinatorConfiguration) {
        guard geteuid() == 0 else { return }
        for parent in Set([configuration.dataDirectory, configuration.logDirectory]) {
            var owner = stat()
            guard stat(parent, &owner) == 0, owner.st_uid != 0 else { continue }
            let directory = open("\(parent)/coordinator", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard directory >= 0 else { continue }
            defer { close(directory) }
            fchown(directory, owner.st_uid, owner.st_gid)
            for name in SmallFile.names(in: "/proc/self/fd/\(directory)") {
                var file = stat()
                guard fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) == 0, file.st_mode & S_IFMT == S_IFREG,
                    file.st_nlink == 1
                else { continue }
                fchownat(directory, name, owner.st_uid, owner.st_gid, AT_SYMLINK_NOFOLLOW)
            }
        }
    }
}
