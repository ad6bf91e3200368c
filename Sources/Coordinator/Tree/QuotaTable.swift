import ZooKeeperProtocol

/// The paths that have a quota (ZooKeeper administrator's guide, "Quotas").
struct QuotaTable: Sendable {
    static let prefix = "/zookeeper/quota"
    static let limitsName = "zookeeper_limits"
    static let usageName = "zookeeper_stats"

    private var paths: Set<ZNodeName> = []

    mutating func add(_ path: String) { paths.insert(ZNodeName(path)) }
    mutating func remove(_ path: String) { paths.remove(ZNodeName(path)) }

    /// The nearest path at or above this one that has a quota.
    func nearest(_ path: String) -> String? {
        guard !paths.isEmpty else { return nil }
        var next: String? = path
        while let candidate = next, candidate != "/" {
            if paths.contains(ZNodeName(candidate)) { return candidate }
            next = ZNodePath.parent(of: candidate)
        }
        return nil
    }

    /// The path that a node below `/zookeeper/quota` speaks of; nil for any other node.
    static func subject(of path: String, named name: String) -> String? {
        guard path.utf8.starts(with: prefix.utf8), ZNodePath.name(of: path) == name,
            let parent = ZNodePath.parent(of: path), parent.utf8.count > prefix.utf8.count
        else { return nil }
        return String(decoding: parent.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }
}

/// The text of a limits or usage node: `count=5,bytes=-1`, and for hard limits `=;byteHardLimit=9;countHardLimit=-1`
/// behind it. A number that is missing is no limit.
struct QuotaNumbers: Sendable, Equatable {
    var count: Int64 = -1
    var bytes: Int64 = -1
    var countHardLimit: Int64 = -1
    var bytesHardLimit: Int64 = -1

    init() {}

    init(_ data: [UInt8]?) {
        for pair in String(decoding: data ?? [], as: UTF8.self).split(whereSeparator: { $0 == "," || $0 == ";" }) {
            let parts = pair.split(separator: "=")
            guard parts.count == 2, let number = Int64(parts[1]) else { continue }
            switch parts[0] {
            case "count": count = number
            case "bytes": bytes = number
            case "countHardLimit": countHardLimit = number
            case "byteHardLimit": bytesHardLimit = number
            default: break
            }
        }
    }

    var usageText: [UInt8] { Array("count=\(count),bytes=\(bytes)".utf8) }
}

extension ZNodeTree {
    private func data(at path: String) -> [UInt8]? { find(path).flatMap { self[$0].content?.data } }

    func limits(of path: String) -> QuotaNumbers? {
        let limits = "\(QuotaTable.prefix)\(path)/\(QuotaTable.limitsName)"
        return find(limits).map { QuotaNumbers(self[$0].content?.data) }
    }

    func usage(of path: String) -> QuotaNumbers? {
        let usage = "\(QuotaTable.prefix)\(path)/\(QuotaTable.usageName)"
        return find(usage).map { QuotaNumbers(self[$0].content?.data) }
    }

    /// Takes note of a node that came; `path` may be one that sets a quota.
    mutating func countCreated(_ path: String, bytes: Int) {
        if let subject = QuotaTable.subject(of: path, named: QuotaTable.limitsName) { quotas.add(subject) }
        if let subject = QuotaTable.subject(of: path, named: QuotaTable.usageName) { recount(subject) }
        addUsage(path, bytes: bytes, count: 1)
    }

    mutating func countDeleted(_ path: String, bytes: Int) {
        if let subject = QuotaTable.subject(of: path, named: QuotaTable.limitsName) { quotas.remove(subject) }
        addUsage(path, bytes: -bytes, count: -1)
    }

    /// Adds to the usage kept for the nearest quota above a path.
    mutating func addUsage(_ path: String, bytes: Int, count: Int64) {
        guard let subject = quotas.nearest(path),
            let node = find("\(QuotaTable.prefix)\(subject)/\(QuotaTable.usageName)")
        else { return }
        var usage = QuotaNumbers(self[node].content?.data)
        usage.count += count
        usage.bytes += Int64(bytes)
        replaceData(node, usage.usageText)
    }

    private mutating func recount(_ subject: String) {
        guard let node = find("\(QuotaTable.prefix)\(subject)/\(QuotaTable.usageName)") else { return }
        var usage = QuotaNumbers()
        (usage.count, usage.bytes) = (0, 0)
        var open = find(subject).map { [$0] } ?? []
        while let next = open.popLast() {
            usage.count += 1
            usage.bytes += Int64(self[next].content?.dataLength ?? 0)
            forEachChild(of: next) { open.append($0) }
        }
        replaceData(node, usage.usageText)
    }

    /// Finds the quotas of a tree that came from a snapshot, which has the usage already.
    mutating func findQuotas() {
        guard let top = find(QuotaTable.prefix) else { return }
        var open = [top]
        while let next = open.popLast() {
            forEachChild(of: next) { child in
                open.append(child)
                if let subject = QuotaTable.subject(of: path(of: child), named: QuotaTable.limitsName) {
                    quotas.add(subject)
                }
            }
        }
    }
}
