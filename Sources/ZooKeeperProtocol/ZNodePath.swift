/// Rules for the paths of nodes.
public enum ZNodePath {
    /// Whether a node may have this path: absolute, no empty, `.` or `..` component, no slash at the end, none of the
    /// characters that ZooKeeper refuses.
    public static func isValid(_ path: String) -> Bool {
        guard path.hasPrefix("/") else { return false }
        if path == "/" { return true }
        let components = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard components.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { return false }
        return path.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x00...0x1f, 0x7f...0x9f, 0xd800...0xf8ff, 0xfff0...0xffff: false
            default: true
            }
        }
    }

    /// The path above; nil for the root and for what is no path.
    public static func parent(of path: String) -> String? {
        guard path != "/", let slash = path.lastIndex(of: "/") else { return nil }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    public static func name(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
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
