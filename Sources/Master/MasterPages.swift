import HTTPKit

extension WebPages {
    /// The master's web interface, which is part of the program.
    static let master = WebPages([
        "/": .html(PackageResources.index_html), "/web/master.js": .script(PackageResources.master_js),
        "/web/page.js": .commonScript, "/web/style.css": .commonStyle,
        "/web/icon.svg": .commonIcon,
    ])
}
