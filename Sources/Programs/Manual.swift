import Agent
import Marathon
import Master
import ServiceKit

/// What a manual page and the completions of shells say about a program, beside its flags.
struct Manual: Sendable {
    struct Section: Sendable {
        let title: String
        /// Each a paragraph, or a term and what it means.
        let entries: [(term: String?, text: String)]
    }

    let name: String
    /// Other names of the same program.
    let aliases: [String]
    let section: Int
    let summary: String
    let synopsis: String
    let description: [String]
    let flags: [Flag]
    let style: FlagLoader.Style
    let sections: [Section]
    let seeAlso: [String]

    private static let commandsTitle = "COMMANDS"

    /// What may stand in the place of the first argument.
    var commands: [String] {
        let entries = sections.first { $0.title == Self.commandsTitle }?.entries ?? []
        return entries.compactMap { $0.term?.split(separator: " ").first.map(String.init) }
    }

    static let all = [master, agent, marathon, coordinator, local, launcher, command]

    private static let configuration = "CONFIGURATION"

    private static func files(_ files: KeyValuePairs<String, String>) -> Section {
        Section(title: "FILES", entries: files.map { ($0.key, $0.value) })
    }

    /// Where the flags of a service come from, the strongest first.
    private static func sources(folder: String, defaults: String, prefix: String, other: String) -> Section {
        Section(
            title: configuration,
            entries: [
                (
                    nil,
                    "A flag is taken from the first place that gives it: the command line; the environment (\(prefix) and "
                        + "the flag's name in capitals); a file named like the flag in \(folder); the variables in "
                        + "\(defaults); \(other)"
                ),
                (
                    nil,
                    "Of such a file the content is the value. Lines that start with # are comments; a file with nothing "
                        + "else gives nothing. A file ?NAME is the flag without a value: ?NAME or ?no-NAME of a boolean."
                ),
            ])
    }

    private static let variables =
        "Shell syntax: assignments, quotes, variables, and the commands cat FILE and hostname. ULIMIT sets limits as "
        + "ulimit of the shell does. "

    static let master = Manual(
        name: "mesos-master", aliases: [], section: 8, summary: "offers the resources of a Mesos cluster to frameworks",
        synopsis: "[--FLAG=VALUE]...",
        description: [
            "The master knows the agents of the cluster, and offers what they have to the frameworks that register with "
                + "it, such as marathon(8). Of several masters the one that ZooKeeper elects leads; the others send "
                + "clients to it. It serves a web page, the HTTP API and the agents on port 5050.",
            "It takes the place of Apache Mesos 1.11.",
        ],
        flags: MasterFlags.all, style: .mesos,
        sections: [
            sources(
                folder: "/etc/mesos-master", defaults: "/etc/default/mesos-master and /etc/default/mesos",
                prefix: "MESOS_", other: "/etc/mesos/zk for --zk."),
            files([
                "/etc/mesos/zk": "The zk:// URL of the masters, for all services. It may be readable by root alone.",
                "/etc/mesos-master/": "One file for each flag.",
                "/etc/default/mesos, /etc/default/mesos-master": variables
                    + "ZK, IP, PORT, CLUSTER and LOGS are flags.",
                "/var/lib/mesos/": "The registry (--work_dir).",
            ]),
        ], seeAlso: ["mesos-agent(8)", "marathon(8)", "mesos-coordinator(8)"])

    static let agent = Manual(
        name: "mesos-agent", aliases: ["mesos-slave"], section: 8, summary: "runs the tasks of a Mesos cluster",
        synopsis: "[--FLAG=VALUE]...",
        description: [
            "The agent tells the master what its machine has, and runs the tasks that frameworks launch on it: by Docker, "
                + "in containers of its own, or as plain processes (--containerizers). Tasks go on when it ends, and it "
                + "finds them again when it is back. It listens on port 5051. mesos-slave is its older name.",
            "As a service of systemd it has tasks run in the unit mesos-tasks.service, so that they are not ended with "
                + "mesos-slave.service. systemctl stop mesos-tasks ends the agent and all its tasks.",
        ],
        flags: AgentFlags.all, style: .mesos,
        sections: [
            sources(
                folder: "/etc/mesos-slave or /etc/mesos-agent",
                defaults: "/etc/default/mesos-slave, /etc/default/mesos-agent and /etc/default/mesos", prefix: "MESOS_",
                other: "/etc/mesos/zk for --master."),
            files([
                "/etc/mesos/zk": "The zk:// URL of the masters, for all services. It may be readable by root alone.",
                "/etc/mesos-slave/":
                    "One file for each flag. attributes and resources may be folders: each file in them "
                    + "is one, by name and content.",
                "/etc/default/mesos, /etc/default/mesos-slave": variables
                    + "MASTER, IP, PORT, LOGS and ISOLATION are flags.",
                "/var/lib/mesos/": "Sandboxes and what survives a restart (--work_dir).",
            ]),
        ], seeAlso: ["mesos-master(8)", "mesos-launcher(8)", "docker(1)"])

    static let marathon = Manual(
        name: "marathon", aliases: [], section: 8, summary: "keeps applications running on a Mesos cluster",
        synopsis: "[--OPTION VALUE]...",
        description: [
            "Marathon starts applications, scales them, replaces instances that die, and rolls new versions out. It keeps "
                + "its state in ZooKeeper; of several Marathons the one elected there leads, and the others pass requests "
                + "on to it. It serves a web page and the REST API on port 8080.",
            "It takes the place of the original Marathon 1.11.",
        ],
        flags: MarathonFlags.all, style: .marathon,
        sections: [
            sources(
                folder: "/etc/marathon/conf", defaults: "/etc/default/marathon", prefix: "MARATHON_",
                other: "/etc/mesos/zk for --master, and for --zk with the path /marathon."),
            Section(
                title: "EXIT STATUS",
                entries: [
                    ("103", "The leadership was lost."),
                    ("105", "The leadership was given up, as by DELETE /v2/leader."),
                    ("1", "Anything else."),
                ]),
            files([
                "/etc/mesos/zk": "The zk:// URL of the masters, for all services. It may be readable by root alone.",
                "/etc/marathon/conf/": "One file for each option.",
                "/etc/default/marathon": variables,
            ]),
        ], seeAlso: ["mesos-master(8)", "mesos-coordinator(8)"])

    static let coordinator = Manual(
        name: "mesos-coordinator", aliases: [], section: 8, summary: "coordination server with the ZooKeeper protocol",
        synopsis: "[import|export|dump|verify|status] [--FLAG=VALUE]...",
        description: [
            "The coordinator answers the clients of one ZooKeeper 3.8 server: it keeps small pieces of data, tells of their "
                + "changes, and notices clients that die. Mesos masters elect their leader through it, and Marathon keeps "
                + "its state in it. It listens on port 2181.",
            "With a command as its first argument it is a tool for the data of a coordinator; see COMMANDS.",
        ],
        flags: CoordinatorProgram.flags, style: .mesos,
        sections: [
            Section(
                title: commandsTitle,
                entries: [
                    (
                        "import --from=DIRECTORY",
                        "Takes over the data directory of an Apache ZooKeeper, which must not run; "
                            + "--from_log=DIRECTORY names that of its log, where it is apart."
                    ),
                    ("export", "Prints a line of JSON for each node, parents first."),
                    ("dump", "Prints the tree for people: each node with the size of its data and its kind."),
                    ("verify", "Reads every file, and says what is wrong with it."),
                    ("status", "Asks the coordinator that runs."),
                ]),
            files([
                "/etc/zookeeper/conf/zoo.cfg": "The configuration, with the keys of ZooKeeper.",
                "/var/lib/zookeeper/": "The data (dataDir), and myid.",
            ]),
        ], seeAlso: ["mesos-master(8)", "marathon(8)"])

    static let local = Manual(
        name: "mesos-local", aliases: [], section: 1, summary: "a Mesos cluster in one process",
        synopsis: "[--FLAG=VALUE]...",
        description: [
            "Starts a coordinator, a master, agents and Marathon in one process, for a laptop, a demonstration or a test, "
                + "and prints where they are. Ctrl-C ends them, and the tasks too."
        ],
        flags: LocalProgram.flags, style: .mesos, sections: [],
        seeAlso: ["mesos-master(8)", "mesos-agent(8)", "marathon(8)"])

    static let command = Manual(
        name: "mesos", aliases: [], section: 1, summary: "commands for people who run a Mesos cluster",
        synopsis: "COMMAND [--FLAG=VALUE]...",
        description: ["Each command has options of its own. Those of doctor are these:"],
        flags: DoctorProgram.flags, style: .mesos,
        sections: [
            Section(
                title: commandsTitle,
                entries: [
                    (
                        "doctor",
                        "Looks at the machine and its configuration, says what is wrong, and gives the command that mends "
                            + "it. It changes nothing. Run it as root: other users do not see everything."
                    )
                ]),
            Section(
                title: "EXIT STATUS",
                entries: [
                    ("0", "No errors; there may be warnings and notes."),
                    ("1", "At least one error: a service cannot do its work, or a secret is open."),
                    ("2", "Wrong usage."),
                ]),
        ], seeAlso: ["mesos-master(8)", "mesos-agent(8)", "marathon(8)", "mesos-coordinator(8)"])

    static let launcher = Manual(
        name: "mesos-launcher", aliases: [], section: 8, summary: "the parent of one container of a Mesos agent",
        synopsis: "--state=DIR [OPTION]... -- PROGRAM [ARGUMENT]...",
        description: [
            "mesos-agent(8) starts it for each container. It enters what the container is made of, starts the command, "
                + "stays until it has ended, and leaves its wait status in DIR/status, whatever becomes of the agent "
                + "meanwhile. It is not meant to be called by people.",
            "SIGTERM asks the command to end; SIGUSR1 kills the whole container.",
            "With --keep-cgroup alone it runs no command, but keeps the cgroup of mesos-tasks.service, which holds the "
                + "containers of the agent.",
        ],
        flags: [], style: .mesos,
        sections: [files(["/usr/lib/mesos/mesos-launcher": "Where the agent looks for it (--launcher_dir)."])],
        seeAlso: ["mesos-agent(8)"])
}
