import HTTPKit

extension WebPages {
    /// The master's web interface, which is part of the program.
    static let master = WebPages([
        "/": File(type: "text/html; charset=utf-8", bytes: PackageResources.index_html)
    ])
}
