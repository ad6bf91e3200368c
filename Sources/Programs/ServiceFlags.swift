import ServiceKit

/// Where a service has its flags from: what its program reads, and what the doctor looks at.
struct ServiceFlags {
    let loader: FlagLoader
    /// Below `/etc`, those that count more first.
    let folders: [String]
    /// The same below `/etc/default`.
    let defaults: [String]
    /// The flags that `/etc/mesos/zk` gives a value, and how it is made of the URL.
    let common: [(name: String, value: @Sendable (String) -> String)]

    /// The flags as the command line and the environment give them, and the files below `etc`. `readFile` serves what
    /// the files in `/etc/default` refer to.
    func load(
        _ arguments: [String], environment: [String: String], etc: String,
        readFile: @escaping @Sendable (String) -> String?
    ) throws(FlagError) -> (flags: FlagValues, variables: ShellVariables) {
        var variables = ShellVariables(environment: environment, readFile: readFile)
        for name in defaults.reversed() { try variables.read("\(etc)/default/\(name)") }
        let flags = try loader.load(
            arguments: arguments, environment: environment, directories: folders.map { "\(etc)/\($0)" },
            defaults: variables)
        return (flags, variables)
    }
}
