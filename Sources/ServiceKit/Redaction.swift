/// What must not be shown of a value.
public enum Redaction {
    /// A `zk://` URL without its user and password; any other text as it is.
    public static func credentials(in url: String) -> String {
        guard url.hasPrefix("zk://") else { return url }
        let path = url.dropFirst("zk://".count).firstIndex(of: "/") ?? url.endIndex
        guard let end = url[..<path].lastIndex(of: "@") else { return url }
        return "zk://xxxxxxxx:xxxxxxxx\(url[end...])"
    }
}
