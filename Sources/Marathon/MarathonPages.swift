import HTTPKit

extension WebPages {
    /// Marathon's web interface, which is part of the program.
    static let marathon = WebPages([
        "/ui": File(type: "text/html; charset=utf-8", bytes: PackageResources.index_html)
    ])
}
