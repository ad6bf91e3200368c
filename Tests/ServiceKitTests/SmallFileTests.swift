import Foundation
import Testing

@testable import ServiceKit

@Suite("Small files")
struct SmallFileTests {
    @Test("What is written is read, and nothing else is left")
    func replace() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/file"
        try SmallFile.replace(path, with: Array("first".utf8))
        try SmallFile.replace(path, with: [])
        #expect(SmallFile.bytes(path) == [])
        let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
        try SmallFile.replace(path, with: content)
        #expect(SmallFile.bytes(path) == content)
        #expect(SmallFile.names(in: directory.path) == ["file"])
    }

    @Test("What cannot be read is nil")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        #expect(SmallFile.read("\(directory.path)/absent") == nil)
        #expect(SmallFile.read(directory.path) == nil)
        #expect(SmallFile.names(in: "\(directory.path)/absent").isEmpty)
    }

    @Test("A record that is there and cannot be read is an error, not a missing one")
    func record() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/record"
        #expect(try SmallFile.record(path) == nil)
        #expect(try SmallFile.records(in: "\(directory.path)/absent").isEmpty)
        try SmallFile.replace(path, with: [7])
        try SmallFile.replace("\(path).new", with: [7])
        #expect(try SmallFile.record(path) == [7])
        #expect(try SmallFile.records(in: directory.path) == ["record"])
        #expect(throws: SmallFile.ReadError.self) { try SmallFile.record(directory.path) }
    }

    @Test("A failed write names the call, the path and the reason")
    func failure() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/absent/file"
        let error = try #require(throws: SmallFile.WriteError.self) { try SmallFile.replace(path, with: [1]) }
        #expect(error.description == "open \(path).new: No such file or directory")
    }

    @Test("Directories are made with their parents, and may be there already")
    func makeDirectory() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/a/b/c"
        try SmallFile.makeDirectory(path)
        try SmallFile.makeDirectory(path)
        try directory.write("a/b/c/file", "x")
        #expect(SmallFile.names(in: path) == ["file"])
        #expect(throws: SmallFile.WriteError.self) { try SmallFile.makeDirectory("\(path)/file/d") }
    }

    @Test(
        "Trimming takes white space from both ends",
        arguments: [(" a b\r\n", "a b"), ("", ""), (" \n\t", ""), ("a", "a")])
    func trimmed(text: String, expected: String) {
        #expect(SmallFile.trimmed(text) == expected)
    }

    @Test("The mode of a new directory is its own; parents made on the way are open to all")
    func directories() throws {
        let directory = try TemporaryDirectory()
        try SmallFile.makeDirectory("\(directory.path)/work/meta", mode: 0o700)
        try SmallFile.makeDirectory("\(directory.path)/work/meta/agent/tasks", mode: 0o700)
        let modes = try ["work", "work/meta", "work/meta/agent", "work/meta/agent/tasks"].map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(name)")
            return attributes[.posixPermissions] as? Int
        }
        #expect(modes == [0o755, 0o700, 0o755, 0o700])
    }
}
