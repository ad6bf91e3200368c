import Containerizer
import JSONText
import Subprocess

/// The docker program, for short commands.
struct DockerCommand: Sendable {
    /// More output than this is cut off.
    private static let maximumOutput = 4 << 20

    let program: String
    let socket: String

    struct Output: Sendable {
        let isSuccess: Bool
        let text: String
        let errors: String
    }

    /// The arguments that come before every command.
    var prefix: [String] { ["-H", "unix://\(socket)"] }

    func run(_ arguments: [String]) async -> Output {
        do {
            let result = try await Subprocess.run(
                program.contains("/") ? .path(.init(program)) : .name(program), arguments: .init(prefix + arguments),
                output: .string(limit: Self.maximumOutput), error: .string(limit: 65_536))
            return Output(
                isSuccess: result.terminationStatus.isSuccess, text: result.standardOutput,
                errors: result.standardError)
        } catch {
            return Output(isSuccess: false, text: "", errors: "cannot run \(program): \(error)")
        }
    }

    /// What `docker inspect` tells of a container; nil when there is none.
    func inspect(_ name: String) async -> JSON? {
        let output = await run(["inspect", "--type=container", name])
        guard output.isSuccess, let list = try? JSON(parsing: output.text).array else { return nil }  // No container.
        return list.first
    }
}
