import JSONText
import MesosProtocol

/// Why a `--resources` or `--attributes` value cannot be used.
public struct ResourcesTextError: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// The text forms of resources and attributes that the flags take.
public enum ResourcesText {
    /// Reads `name(role):value;...` or a JSON array of resources. A value is a number, `[a-b,c-d]` or `{a,b}`.
    public static func parse(_ text: String, defaultRole: String = "*") throws(ResourcesTextError) -> [Mesos.Resource] {
        if text.hasPrefix("[") { return try parseJSON(text) }
        var resources: [Mesos.Resource] = []
        for part in text.split(separator: ";").map(trimmed) where !part.isEmpty {
            guard let colon = part.firstIndex(of: ":") else { throw wrong(part, "expected name:value") }
            var name = trimmed(part[..<colon])
            var role = defaultRole
            if let open = name.firstIndex(of: "("), name.hasSuffix(")") {
                role = String(name[name.index(after: open)...].dropLast())
                name = trimmed(name[..<open])
            }
            var resource = try value(trimmed(part[part.index(after: colon)...]), of: part)
            guard !name.isEmpty, !role.isEmpty else { throw wrong(part, "the name or role is empty") }
            resource.name = name
            resource.role = role
            resources.append(resource)
        }
        return resources
    }

    private static func parseJSON(_ text: String) throws(ResourcesTextError) -> [Mesos.Resource] {
        do {
            var resources: [Mesos.Resource] = []
            for item in try JSON(parsing: text).array ?? [] { resources.append(try Mesos.Resource(json: item)) }
            return resources
        } catch {
            throw ResourcesTextError(description: "resources are wrong: \(error)")
        }
    }

    /// Reads `key:value;key:value`; a value is a number, ranges or text. A set is refused, as Mesos does.
    public static func attributes(_ text: String) throws(ResourcesTextError) -> [Mesos.Attribute] {
        var attributes: [Mesos.Attribute] = []
        for part in text.split(separator: ";").map(trimmed) where !part.isEmpty {
            guard let colon = part.firstIndex(of: ":") else { throw wrong(part, "expected key:value") }
            let content = trimmed(part[part.index(after: colon)...])
            var attribute = Mesos.Attribute()
            attribute.name = trimmed(part[..<colon])
            if content.hasPrefix("{") { throw wrong(part, "an attribute cannot be a set") }
            if let parsed = try? value(content, of: part) {  // What is neither number nor ranges is text.
                attribute.type = parsed.type
                attribute.scalar = parsed.scalar
                attribute.ranges = parsed.ranges
            } else {
                attribute.type = .text
                attribute.text = .with { $0.value = content }
            }
            attributes.append(attribute)
        }
        return attributes
    }

    private static func value(_ text: String, of part: String) throws(ResourcesTextError) -> Mesos.Resource {
        var resource = Mesos.Resource()
        if text.hasPrefix("["), text.hasSuffix("]") {
            resource.type = .ranges
            var ranges: [Mesos.Value.Range] = []
            for item in text.dropFirst().dropLast().split(separator: ",").map(trimmed) {
                let bounds = item.split(separator: "-").map { UInt64(trimmed($0)) }
                guard bounds.count == 2, let begin = bounds[0], let end = bounds[1], begin <= end else {
                    throw wrong(part, "'\(item)' is no range: expected first-last")
                }
                ranges.append(
                    .with {
                        $0.begin = begin
                        $0.end = end
                    })
            }
            resource.ranges = .with { $0.range = ranges }
        } else if text.hasPrefix("{"), text.hasSuffix("}") {
            resource.type = .set
            resource.set = .with { $0.item = text.dropFirst().dropLast().split(separator: ",").map(trimmed) }
        } else {
            guard let number = Double(text), number.isFinite, number >= 0 else {
                throw wrong(part, "'\(text)' is no number, ranges or set")
            }
            resource.type = .scalar
            resource.scalar = .with { $0.value = number }
        }
        return resource
    }

    private static func wrong(_ part: some StringProtocol, _ reason: String) -> ResourcesTextError {
        ResourcesTextError(description: "'\(part)' is wrong: \(reason)")
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
