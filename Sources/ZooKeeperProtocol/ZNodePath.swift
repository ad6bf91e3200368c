/// Rules for the paths of nodes.
public enum ZNodePath {
    private static let slash = UInt8(ascii: "/")

    /// Whether a node may have this path: absolute, no empty, `.` or `..` component, no slash at the end, none of the
    /// characters that ZooKeeper refuses, which are also those beyond 16 bits.
    public static func isValid(_ path: String) -> Bool {
        guard path.utf8.first == slash else { return false }
        if path.utf8.count == 1 { return true }
        let components = path.utf8.split(separator: slash, omittingEmptySubsequences: false).dropFirst()
        let isPlain = components.allSatisfy { component in
            !component.isEmpty && !component.elementsEqual(".".utf8) && !component.elementsEqual("..".utf8)
        }
        guard isPlain else { return false }
        return path.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x00...0x1f, 0x7f...0x9f, 0xd800...0xf8ff, 0xfff0...0x10_ffff: false
            default: true
            }
        }
    }

    /// The path above; nil for the root and for what is no path. Slashes are found by their bytes, as a mark that
    /// follows one combines with it.
    public static func parent(of path: String) -> String? {
        let bytes = path.utf8
        guard bytes.count > 1, let last = bytes.lastIndex(of: slash) else { return nil }
        return last == bytes.startIndex ? "/" : String(decoding: bytes[..<last], as: UTF8.self)
    }

    public static func name(of path: String) -> String {
        guard let last = path.utf8.lastIndex(of: slash) else { return path }
        return String(decoding: path.utf8[path.utf8.index(after: last)...], as: UTF8.self)
    }

    public static func child(_ name: String, of parent: String) -> String {
        parent == "/" ? "/\(name)" : "\(parent)/\(name)"
    }

    /// The ten digits behind the name of a sequential node; a counter that ran over is negative.
    public static func sequenceSuffix(_ number: Int32) -> String {
        let digits = String(number.magnitude)
        let padding = String(repeating: "0", count: max(0, (number < 0 ? 9 : 10) - digits.count))
        return (number < 0 ? "-" : "") + padding + digits
    }
}
