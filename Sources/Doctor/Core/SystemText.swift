import JSONText
import ServiceKit

/// Reads what the kernel and other programs write.
public enum SystemText {
    /// The listening sockets of /proc/net/tcp or tcp6 (proc(5)), each with the inode that its process has open.
    public static func listeners(_ text: String) -> [(listener: Listener, inode: String)] {
        text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == "0A" else { return nil }
            let local = fields[1].split(separator: ":")
            guard local.count == 2, let port = Int(local[1], radix: 16) else { return nil }
            return (Listener(address: address(local[0]), port: port), String(fields[9]))
        }
    }

    /// IPv4 is one word in the machine's (little-endian) order; of IPv6 only the wildcard and mapped ones matter here.
    private static func address(_ hexadecimal: Substring) -> String {
        let isMapped = hexadecimal.count == 32 && hexadecimal.hasPrefix("0000000000000000FFFF0000")
        let word = isMapped ? hexadecimal.suffix(8) : hexadecimal
        guard word.count == 8, let value = UInt32(word, radix: 16) else {
            return hexadecimal.allSatisfy { $0 == "0" } ? "::" : "::\(hexadecimal.suffix(8))"
        }
        return [0, 8, 16, 24].map { String(value >> $0 & 0xff) }.joined(separator: ".")
    }

    /// The unit in /proc/PID/cgroup, without `.service`; nil for a process of no service.
    public static func unit(ofControlGroups text: String) -> String? {
        let lines = text.split(separator: "\n")
        guard
            let line = lines.first(where: { $0.hasPrefix("0::") })
                ?? lines.first(where: { $0.contains("name=systemd") })
        else { return nil }
        let parts = line.split(separator: "/").dropFirst()
        return parts.first { $0.hasSuffix(".service") }.map { String($0.dropLast(".service".count)) }
    }

    /// The interface of the default route in /proc/net/route.
    public static func defaultInterface(_ text: String) -> String? {
        for line in text.split(separator: "\n").dropFirst() {
            let fields = line.split(whereSeparator: \.isWhitespace)
            if fields.count > 7, fields[1] == "00000000", fields[7] == "00000000" { return String(fields[0]) }
        }
        return nil
    }

    /// The type and the options of the file system that holds a path, from /proc/self/mountinfo.
    public static func mount(of path: String, in text: String) -> (type: String, options: Set<String>)? {
        var best: (place: String, type: String, options: Set<String>)?
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ").map(String.init)
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { continue }
            let place = fields[4]
            guard place == "/" || path == place || path.hasPrefix("\(place)/") else { continue }
            // Of two mounts at one place the later one is seen.
            guard place.count >= best?.place.count ?? 0 else { continue }
            let options = (fields[5].split(separator: ",") + fields[dash + 3].split(separator: ",")).map(String.init)
            best = (place, fields[dash + 1], Set(options))
        }
        return best.map { ($0.type, $0.options) }
    }

    /// The units of `systemctl show`, which are apart by an empty line; those that are not there are left out.
    public static func units(_ text: String) -> [UnitFacts] {
        var blocks: [[String: String]] = [[:]]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard let equals = line.firstIndex(of: "=") else {
                blocks.append([:])
                continue
            }
            blocks[blocks.count - 1][String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        return blocks.compactMap(unit)
    }

    private static func unit(_ values: [String: String]) -> UnitFacts? {
        guard let id = values["Id"], id.hasSuffix(".service"), values["LoadState"] != "not-found" else { return nil }
        var unit = UnitFacts(name: String(id.dropLast(".service".count)))
        unit.activeState = values["ActiveState"] ?? "inactive"
        unit.subState = values["SubState"] ?? ""
        unit.fileState = values["UnitFileState"] ?? ""
        unit.result = values["Result"] ?? ""
        unit.exitStatus = values["ExecMainStatus"].flatMap { Int($0) } ?? 0
        unit.restarts = values["NRestarts"].flatMap { Int($0) } ?? 0
        unit.mainPID = values["MainPID"].flatMap { Int($0) } ?? 0
        unit.statusText = values["StatusText"] ?? ""
        unit.needsReload = values["NeedDaemonReload"] == "yes"
        unit.delegates = values["Delegate"].map { $0 == "yes" }
        unit.maximumFiles = values["LimitNOFILE"].flatMap { Int($0) }
        unit.maximumTasks = values["TasksMax"].flatMap { Int($0) }
        unit.user = values["User"] ?? ""
        unit.group = values["Group"] ?? ""
        unit.command = command(values["ExecStart"] ?? "")
        for word in (values["Environment"] ?? "").split(separator: " ") {
            let pair = word.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { unit.environment[String(pair[0])] = String(pair[1]) }
        }
        return unit
    }

    /// The words of `{ path=… ; argv[]=/usr/sbin/mesos-master --port=5050 ; ignore_errors=no ; … }`.
    private static func command(_ text: String) -> [String] {
        guard let start = text.firstRange(of: "argv[]=") else { return [] }
        let rest = text[start.upperBound...]
        let end = rest.firstRange(of: " ; ")?.lowerBound ?? rest.endIndex
        return rest[..<end].split(separator: " ").map(String.init)
    }

    /// What a ZooKeeper answered to `srvr`.
    public static func word(_ answer: String) -> ServerFacts.Word {
        if answer.contains("not in the whitelist") { return .isNotAllowed }
        if answer.contains("not currently serving requests") { return .isNotServing }
        if answer.isEmpty { return .none }
        func value(_ name: String) -> String? {
            let line = answer.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name): ") }
            return line.map { String($0.dropFirst(name.count + 2).prefix { $0 != "-" && $0 != "," }) }
        }
        guard let version = value("Zookeeper version"), let mode = value("Mode") else { return .isStrange }
        return .serves(mode: mode, version: version)
    }

    /// A master's node: `MasterInfo` as JSON. Nil when it is none.
    public static func master(node: String, _ data: [UInt8]) -> MasterFacts? {
        guard let info = try? JSON(parsing: data), let address = info.value("address"),  // No JSON is no master.
            let ip = address.value("ip")?.string, let port = address.value("port")?.integer, (1...65535).contains(port)
        else { return nil }
        let hostname = address.value("hostname")?.string ?? info.value("hostname")?.string ?? ip
        return MasterFacts(
            node: node, hostname: hostname, address: ip, port: Int(port),
            version: info.value("version")?.string ?? "unknown")
    }

    /// What Docker's daemon answered to `GET /info`; nil when it is not that.
    public static func docker(_ body: String) -> DockerInformation? {
        guard let info = try? JSON(parsing: body),  // No JSON is no answer of Docker's.
            let version = info.value("ServerVersion")?.string
        else { return nil }
        return DockerInformation(
            version: version, controlGroupDriver: info.value("CgroupDriver")?.string ?? "unknown",
            controlGroupVersion: info.value("CgroupVersion")?.string ?? "unknown",
            storageDriver: info.value("Driver")?.string ?? "unknown")
    }

    /// Seconds since 1970 of an HTTP date (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    public static func seconds(ofDate text: String) -> Int64? {
        let fields = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard fields.count == 6, fields[5] == "GMT", let day = Int(fields[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(fields[2])), let year = Int(fields[3]),
            (1970...9999).contains(year)
        else { return nil }
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        return Timestamp(iso8601: "\(year)-\(padded(month + 1))-\(padded(day))T\(fields[4])Z").map {
            $0.nanoseconds / 1_000_000_000
        }
    }
}
