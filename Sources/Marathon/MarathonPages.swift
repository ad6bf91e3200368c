import HTTPKit

extension WebPages {
    /// Marathon's web interface, which is part of the program.
    static let marathon = WebPages([
        "/ui": .html(PackageResources.index_html), "/ui/marathon.js": .script(PackageResources.marathon_js),
        "/ui/dialogs.js": .script(PackageResources.dialogs_js), "/ui/page.js": .commonScript,
        "/ui/style.css": .commonStyle, "/ui/icon.svg": .commonIcon,
        "/ui/marathon.css": .style(PackageResources.marathon_css),
    ])
}
