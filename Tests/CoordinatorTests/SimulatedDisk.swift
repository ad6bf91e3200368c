import ServiceKit

@testable import Coordinator

/// A disk that forgets what was not synced, wholly or in part, when the power goes; that fails at a chosen operation,
/// and that has only so much room.
final class SimulatedDisk: FileStore, @unchecked Sendable {
    // Safe: a test uses it from one task.

    fileprivate final class Inode {
        /// What every reader sees, and what is surely on the disk.
        var content: [UInt8] = []
        var durable: [UInt8] = []
        /// Writes since the last sync.
        var pending: [(offset: Int, bytes: [UInt8])] = []

        static func apply(_ bytes: some Collection<UInt8>, at offset: Int, to content: inout [UInt8]) {
            let end = offset + bytes.count
            if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
            content.replaceSubrange(offset..<end, with: bytes)
        }
    }

    fileprivate final class File: StoredFile {
        let path: String
        let inode: Inode
        private let disk: SimulatedDisk

        init(path: String, inode: Inode, disk: SimulatedDisk) {
            self.path = path
            self.inode = inode
            self.disk = disk
        }

        func write(_ bytes: [UInt8], at offset: Int, count: Int) throws(LogError) {
            let part = Array(bytes.prefix(count))
            let growth = max(0, offset + count - inode.content.count)
            guard disk.used + growth <= disk.capacity else {
                throw LogError(description: "\(path): no space left", isDiskFull: true)
            }
            try disk.step()
            Inode.apply(part, at: offset, to: &inode.content)
            inode.pending.append((offset, part))
        }

        func sync() throws(LogError) {
            try disk.step()
            inode.durable = inode.content
            inode.pending = []
        }
    }

    private struct Reader: FileReader {
        let content: [UInt8]
        var offset = 0
        var size: Int { content.count }

        mutating func next(_ count: Int) throws(LogError) -> [UInt8] {
            let part = content[offset..<min(offset + count, content.count)]
            offset += part.count
            return Array(part)
        }
    }

    private var generator: SeededGenerator
    private var names: [String: Inode] = [:]
    private var durableNames: [String: Inode] = [:]
    /// Operations until the power goes; nil while it stays.
    var stepsToCrash: Int?
    /// Bytes that fit.
    var capacity = Int.max

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    fileprivate var used: Int { names.values.reduce(0) { $0 + $1.content.count } }

    fileprivate func step() throws(LogError) {
        guard let left = stepsToCrash else { return }
        stepsToCrash = left - 1
        if left <= 0 { throw LogError(description: "the power went") }
    }

    func create(_ path: String) throws(LogError) -> any StoredFile {
        try step()
        let inode = Inode()
        names[path] = inode
        return File(path: path, inode: inode, disk: self)
    }

    func rename(_ file: any StoredFile, to path: String) throws(LogError) -> any StoredFile {
        try step()
        guard let file = file as? File, names[file.path] === file.inode else {
            throw LogError(description: "\(file.path) is not there to be renamed")
        }
        names[file.path] = nil
        names[path] = file.inode
        return File(path: path, inode: file.inode, disk: self)
    }

    func syncDirectory(_ directory: String) throws(LogError) {
        try step()
        for path in Set(names.keys).union(durableNames.keys) where path.hasPrefix("\(directory)/") {
            durableNames[path] = names[path]
        }
    }

    func hasRoom(for bytes: Int, in directory: String) -> Bool { true }

    func remove(_ path: String) { names[path] = nil }

    func cut(_ path: String, to size: Int) throws(LogError) {
        try step()
        guard let inode = names[path] else { throw LogError(description: "\(path) is not there") }
        inode.content = Array(inode.content.prefix(size))
        inode.durable = inode.content
        inode.pending = []
    }

    func read(_ path: String) throws(LogError) -> any FileReader {
        guard let inode = names[path] else { throw LogError(description: "\(path) is not there") }
        return Reader(content: inode.content)
    }

    func names(in directory: String) -> [String] {
        names.keys.filter { $0.hasPrefix("\(directory)/") }.map { String($0.dropFirst(directory.count + 1)) }.sorted()
    }

    /// What the next start finds: of each change that was not synced, nothing, all, or a part in sectors.
    func crash() {
        stepsToCrash = nil
        for path in Set(names.keys).union(durableNames.keys).sorted()
        where names[path] !== durableNames[path] && Bool.random(using: &generator) {
            durableNames[path] = names[path]
        }
        names = durableNames
        for path in names.keys.sorted() {
            guard let inode = names[path] else { continue }
            for write in inode.pending.shuffled(using: &generator) { keepSome(of: write, in: inode) }
            inode.content = inode.durable
            inode.pending = []
        }
    }

    private func keepSome(of write: (offset: Int, bytes: [UInt8]), in inode: Inode) {
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: return
        case 1: Inode.apply(write.bytes, at: write.offset, to: &inode.durable)
        default:
            for start in stride(from: 0, to: write.bytes.count, by: 512) where Bool.random(using: &generator) {
                let sector = write.bytes[start..<min(start + 512, write.bytes.count)]
                Inode.apply(sector, at: write.offset + start, to: &inode.durable)
            }
        }
    }
}
