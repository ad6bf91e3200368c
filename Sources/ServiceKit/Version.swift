import JSONText

/// What the programs say they are. The number is that of the Mesos whose APIs they speak: clients choose by it.
public enum Version {
    public static let mesos = "1.11.0"
    /// Our own release.
    public static let release = "0.1.0"
}

extension JSONWriter {
    /// The version fields that start `/state` and make up `/version`.
    public mutating func versionFields() {
        field("version", Version.mesos)
        field("git_sha", "swift-mesos-\(Version.release)")
        field("git_tag", Version.mesos)
        field("build_date", "2026-11-22 00:00:00")
        field("build_time", 1_795_305_600.0)
        field("build_user", "swift-mesos")
    }

    /// All flags with a value, as strings.
    public mutating func flagsObject(_ flags: FlagValues) {
        beginObject()
        for (name, value) in flags.all { field(name, value) }
        endObject()
    }
}
