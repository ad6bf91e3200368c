import Foundation

/// A directory of one test, gone with it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "swift-mesos-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)  // What is left over is the system's to clean.
    }

    func write(_ name: String, _ content: String) throws {
        try content.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
    }
}
