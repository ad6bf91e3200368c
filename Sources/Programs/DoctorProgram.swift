import Doctor
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// `mesos doctor`: exit status 0 when nothing is wrong, 1 with errors, 2 for wrong usage.
enum DoctorProgram {
    static let flags = [
        Flag("json", .bool, default: "false", "Prints a JSON object for programs."),
        Flag("root", .text, default: "/", "The folder below which the machine's files and programs are."),
        Flag("help", .bool, default: "false"), Flag("version", .bool, default: "false"),
    ]

    private static let loader = FlagLoader(program: "mesos doctor", flags: flags)

    static func run(_ arguments: [String]) async throws {
        let flags: FlagValues
        do { flags = try loader.load(arguments: arguments, environment: [:]) } catch {
            throw ProgramExit(status: 2, description: error.description)
        }
        if flags.bool("help") { return print(loader.usage, terminator: "") }
        if flags.bool("version") { return MesosProgram.printVersion() }
        let files = FileSystem(root: flags.text("root") ?? "/")
        guard files.exists("/") else {
            throw ProgramExit(status: 2, description: "mesos doctor: --root: there is no \(files.location("/"))")
        }
        let probe = MachineProbe(files: files, release: Version.release, read: InstalledConfiguration.read)
        let findings = Examination.findings(await probe.facts())
        if flags.bool("json") {
            print(ReportText.json(findings))
        } else {
            let isColoured = isatty(STDOUT_FILENO) == 1 && ServiceRun.environment["NO_COLOR"] == nil
            print(ReportText.lines(findings, isColoured: isColoured), terminator: "")
        }
        fflush(nil)
        exit(findings.contains { $0.severity == .error } ? 1 : 0)
    }
}
