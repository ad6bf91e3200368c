import ZooKeeperProtocol

/// A segment of the log as it is read back.
struct LogSegment: Sendable {
    let path: String
    /// How many entries it holds.
    let count: Int
    /// Where the last whole batch ends; what lies behind it was being written when a crash came.
    let end: Int
    let isTorn: Bool
    /// Bytes of the file, the zeros at its end among them.
    let size: Int

    /// Visits the entries in their order. A batch that a crash cut short ends the newest segment; any other damage is an
    /// error that names the file and the offset.
    init(
        reading path: String, isNewest: Bool, _ files: any FileStore = SystemFiles(),
        visit: (LogEntry) throws(LogError) -> Void
    ) throws(LogError) {
        self.path = path
        let content = try files.content(path)
        size = content.count
        guard content.starts(with: WriteAheadLog.magic), content.count >= WriteAheadLog.headerSize else {
            // Not even the header of a new segment was written. That none is missing behind it is seen by the zxids.
            guard content.allSatisfy({ $0 == 0 }) || WriteAheadLog.magic.starts(with: content) else {
                throw LogError(description: "\(path): not a log of this version: refusing to read it")
            }
            (count, end, isTorn) = (0, 0, true)
            return
        }
        let salt = Self.number(content, WriteAheadLog.magic.count)
        var count = 0
        var offset = WriteAheadLog.headerSize
        while let batch = Self.batch(content, at: offset, salt: salt) {
            var reader = JuteReader(batch)
            while !reader.isAtEnd {
                try visit(try Self.entry(&reader, path: path, at: offset))
                count += 1
            }
            offset += 8 + batch.count
        }
        let used = (content.lastIndex { $0 != 0 } ?? 0) + 1
        (self.count, end, isTorn) = (count, offset, offset < used)
        guard isTorn else { return }
        // What a crash cut short is the last there is; a whole batch behind it was written before the damage.
        let isTail = isNewest && !(offset + 1..<used).contains { Self.batch(content, at: $0, salt: salt) != nil }
        guard isTail else {
            throw LogError(
                description: "\(path): damaged record at offset \(offset) before later ones: restore the directory "
                    + "from a copy, or move it away to start empty")
        }
    }

    /// The entries of the whole batch at an offset, still framed; nil for anything else.
    private static func batch(_ content: [UInt8], at offset: Int, salt: UInt32) -> ArraySlice<UInt8>? {
        guard offset + 8 <= content.count else { return nil }
        let length = Int(number(content, offset))
        let end = offset + 8 + length
        guard length > 0, end <= content.count else { return nil }
        let checksum = content.withUnsafeBytes { raw in
            Checksum.crc32c(UnsafeRawBufferPointer(rebasing: raw[(offset + 8)..<end]), seed: salt)
        }
        return checksum == number(content, offset + 4) ? content[(offset + 8)..<end] : nil
    }

    /// The next entry of the batch at an offset.
    private static func entry(
        _ reader: inout JuteReader, path: String, at offset: Int
    ) throws(LogError) -> LogEntry {
        do {
            return try LogEntry(try reader.slice() ?? [])
        } catch {
            throw LogError(
                description: "\(path): the batch at offset \(offset) is whole, but not of this version (\(error)): use "
                    + "the version that wrote it")
        }
    }

    private static func number(_ content: [UInt8], _ offset: Int) -> UInt32 {
        content[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
