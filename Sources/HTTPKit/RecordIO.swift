/// Mesos's framing of event streams: the length in decimal, a newline, that many bytes.
public enum RecordIO {
    public static func frame(_ record: [UInt8]) -> [UInt8] { Array("\(record.count)\n".utf8) + record }

    /// Why a stream is no RecordIO.
    public struct Malformed: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Takes a stream apart into records, whatever pieces it comes in.
    public struct Parser: Sendable {
        private var pending: [UInt8] = []
        private let maximumRecord: Int

        /// A record above `maximumRecord` bytes is refused.
        public init(maximumRecord: Int = 64 << 20) { self.maximumRecord = maximumRecord }

        /// Adds bytes and returns the records that are now whole.
        public mutating func feed(_ bytes: [UInt8]) throws(Malformed) -> [[UInt8]] {
            pending.append(contentsOf: bytes)
            var records: [[UInt8]] = []
            var start = 0
            while let (length, content) = try header(from: start), content + length <= pending.count {
                records.append(Array(pending[content..<content + length]))
                start = content + length
            }
            pending.removeFirst(start)
            return records
        }

        private func header(from start: Int) throws(Malformed) -> (length: Int, content: Int)? {
            guard let newline = pending[start...].prefix(20).firstIndex(of: UInt8(ascii: "\n")) else {
                guard pending.count - start < 20 else { throw Malformed(description: "no record length") }
                return nil
            }
            let text = String(decoding: pending[start..<newline], as: UTF8.self)
            guard let length = Int(text), length >= 0, length <= maximumRecord else {
                throw Malformed(description: "record length '\(text)'")
            }
            return (length, newline + 1)
        }
    }
}
