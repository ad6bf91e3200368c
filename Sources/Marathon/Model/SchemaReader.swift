import JSONText

/// Reads the fields of a JSON object and gathers what is wrong with them, in the words of Marathon's schema layer.
final class SchemaReader {
    let object: JSON
    let path: String
    private let problems: Problems

    /// The problems of a whole document.
    final class Problems { var list: [Problem] = [] }

    convenience init(_ object: JSON) { self.init(object, path: "", problems: Problems()) }

    private init(_ object: JSON, path: String, problems: Problems) {
        self.object = object
        self.path = path
        self.problems = problems
    }

    var found: [Problem] { problems.list }

    func isPresent(_ name: String) -> Bool { object.value(name) != nil }

    func complain(_ name: String, _ text: String) { problems.list.append(Problem(path: "\(path)/\(name)", text: text)) }

    func string(_ name: String, minimumLength: Int = 0) -> String? {
        guard let value = object.value(name) else { return nil }
        guard let text = value.string else {
            complain(name, "error.expected.jsstring")
            return nil
        }
        if text.count < minimumLength { complain(name, "error.minLength") }
        return text
    }

    /// A name of lower-case letters, digits and inner dashes, which ports and networks have; `others` may stand inside
    /// too. Everything that is wrong with it is told, as Marathon does.
    func name(_ name: String, maximumLength: Int = .max, others: String = "") -> String? {
        guard let text = string(name) else { return nil }
        if text.utf16.count > maximumLength { complain(name, "error.maxLength") }
        if text.isEmpty { complain(name, "error.minLength") }
        let outer = "abcdefghijklmnopqrstuvwxyz0123456789".unicodeScalars
        let inner = "-\(others)".unicodeScalars
        let scalars = text.unicodeScalars
        let isName =
            scalars.allSatisfy { outer.contains($0) || inner.contains($0) }
            && scalars.first.map(outer.contains) == true && scalars.last.map(outer.contains) == true
        if !isName { complain(name, "error.pattern") }
        return text
    }

    func requiredString(_ name: String, minimumLength: Int = 0) -> String {
        if !isPresent(name) { complain(name, "error.path.missing") }
        return string(name, minimumLength: minimumLength) ?? ""
    }

    func bool(_ name: String) -> Bool? {
        guard let value = object.value(name) else { return nil }
        if value.bool == nil { complain(name, "error.expected.jsboolean") }
        return value.bool
    }

    func double(_ name: String, minimum: Double, maximum: Double = .infinity) -> Double? {
        guard let value = object.value(name) else { return nil }
        guard let number = value.double else {
            complain(name, "error.expected.jsnumber")
            return nil
        }
        if number < minimum { complain(name, "error.min") }
        if number > maximum { complain(name, "error.max") }
        return number
    }

    func integer(_ name: String, minimum: Int = 0, maximum: Int = Int(Int32.max)) -> Int? {
        guard let value = object.value(name) else { return nil }
        guard let number = value.double else {
            complain(name, "error.expected.jsnumber")
            return nil
        }
        guard let whole = value.integer.flatMap({ Int(exactly: $0) }) else {
            complain(name, number.rounded() == number ? "error.max" : "error.expected.int")
            return nil
        }
        if whole < minimum { complain(name, "error.min") }
        if whole > maximum { complain(name, "error.max") }
        return whole
    }

    /// One of the texts given; nil otherwise.
    func choice(_ name: String, _ choices: [String]) -> String? {
        guard let text = string(name) else { return nil }
        guard choices.contains(text) else {
            complain(name, "error.unknown.enum.literal")
            return nil
        }
        return text
    }

    func object(_ name: String) -> SchemaReader? {
        guard let value = object.value(name) else { return nil }
        guard case .object = value else {
            complain(name, "error.expected.jsobject")
            return nil
        }
        return SchemaReader(value, path: "\(path)/\(name)", problems: problems)
    }

    func objects(_ name: String) -> [SchemaReader]? {
        guard let items = array(name) else { return nil }
        return items.enumerated().compactMap { index, item in
            let place = "\(path)/\(name)(\(index))"
            guard case .object = item else {
                problems.list.append(Problem(path: place, text: "error.expected.jsobject"))
                return nil
            }
            return SchemaReader(item, path: place, problems: problems)
        }
    }

    func array(_ name: String) -> [JSON]? {
        guard let value = object.value(name) else { return nil }
        if value.array == nil { complain(name, "error.expected.jsarray") }
        return value.array
    }

    func strings(_ name: String) -> [String]? {
        array(name)?.enumerated().compactMap { index, item in
            if item.string == nil { complain("\(name)(\(index))", "error.expected.jsstring") }
            return item.string
        }
    }

    /// An object whose values are all texts.
    func map(_ name: String) -> [String: String]? {
        guard let reader = object(name) else { return nil }
        var map: [String: String] = [:]
        for member in reader.object.members ?? [] {
            if let text = member.value.string {
                map[member.name] = text
            } else {
                reader.complain(member.name, "error.expected.jsstring")
            }
        }
        return map
    }
}
