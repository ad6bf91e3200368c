#!/usr/bin/env python3
"""Writes Sources/MesosProtocol/Generated from the .proto files beside it: run by `make protocol`.

The generated structs encode and decode the proto2 wire format and Mesos's own JSON mapping (field order of the
declaration, declared defaults written, 64-bit integers as numbers), which protobuf's JSON libraries do not have.
The parser takes the subset of proto2 that these files use: one declaration a line.
"""
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "Generated"
FILES = {
    "mesos.proto": "Mesos",
    "scheduler.proto": "SchedulerAPI",
    "internal.proto": "Internal",
    "registry.proto": "RegistryRecord",
    "checkpoint.proto": "Checkpoint",
}
#: How a schema names a package other than its own and `mesos.v1`.
PACKAGES = {"internal.": "Internal."}
SCALARS = {
    "string": "String", "bytes": "[UInt8]", "bool": "Bool", "double": "Double", "int32": "Int32",
    "int64": "Int64", "uint32": "UInt32", "uint64": "UInt64",
}
ZERO = {"String": '""', "[UInt8]": "[]", "Bool": "false"}
RESERVED = {"default", "static", "private", "internal", "operator", "protocol", "type", "in", "set", "self", "extension", "public", "case"}
UPPER = {"id": "ID", "ids": "IDs", "url": "URL", "uuid": "UUID", "uuids": "UUIDs", "ip": "IP", "ipv4": "IPv4"}
#: Fields that only v0 messages have; Mesos leaves them out of its v1 JSON.
NEVER_JSON = {("AgentInfo", "checkpoint")}
#: Enum values that v1 readers do not know: Mesos 1.11 writes the message that holds one as `{}`.
HIDDEN_VALUES = {("MasterInfo.Capability.Type", "QUOTA_V2")}


class Enum:
    def __init__(self, name):
        self.name, self.values = name, []


class Message:
    def __init__(self, name, parent):
        self.name, self.parent, self.fields, self.children = name, parent, [], []
        self.path = f"{parent.path}.{name}" if parent else name


class Field:
    def __init__(self, label, kind, name, number, options):
        self.label, self.kind, self.name, self.number = label, kind, name, int(number)
        match = re.search(r"default = (\"[^\"]*\"|[^,\]]+)", options or "")
        self.default = match[1].strip() if match else None
        self.deprecated = "deprecated" in (options or "")


def parse(path):
    package, roots, stack = "", [], []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = re.sub(r"//.*", "", line).strip()
        if not line or line.startswith(("syntax", "import")):
            continue
        if match := re.fullmatch(r"package ([\w.]+);", line):
            package = match[1]
        elif match := re.fullmatch(r"(message|enum) (\w+) \{(\})?", line):
            parent = stack[-1] if stack else None
            node = Message(match[2], parent) if match[1] == "message" else Enum(match[2])
            (parent.children if parent else roots).append(node)
            if not match[3]:
                stack.append(node)
        elif line == "}":
            stack.pop()
        elif match := re.fullmatch(r"(\w+) = (\d+);", line):
            stack[-1].values.append((match[1], int(match[2])))
        elif match := re.fullmatch(
            r"(?:(required|optional|repeated) )?(map<\w+, [\w.]+>|[\w.]+) (\w+) = (\d+)(?: \[(.*)\])?;", line
        ):
            stack[-1].fields.append(Field(match[1] or "map", *match.groups()[1:]))
        else:
            sys.exit(f"{path.name}:{number}: cannot read: {line}")
    return package, roots


def camel(name, first_lower=True):
    parts = [part for part in name.split("_") if part]
    words = [UPPER.get(part.lower(), part[:1].upper() + part[1:]) for part in parts]
    if first_lower:
        words[0] = parts[0][:1].lower() + parts[0][1:]
    return "".join(words)


def case_name(name):
    words = name.split("_")
    return words[0].lower() + "".join(word.capitalize() for word in words[1:]) if name.upper() == name else name[
        :1].lower() + name[1:]


def escaped(name):
    return f"`{name}`" if name in RESERVED else name


def swift_type_name(name):
    """Swift keeps the member names `Type` and `Protocol` for itself."""
    return {"Type": "Kind", "Protocol": "IPProtocol"}.get(name, name)


class Generator:
    def __init__(self):
        self.types = {}  # full dotted name with namespace -> Enum or Message
        self.files = []
        for file, namespace in FILES.items():
            package, roots = parse(HERE / file)
            self.files.append((file, namespace, package, roots))
            self.register(namespace, roots)

    def register(self, prefix, nodes):
        for node in nodes:
            name = f"{prefix}.{node.name}"
            self.types[name] = node
            if isinstance(node, Message):
                self.register(name, node.children)

    def resolve(self, kind, scope):
        """The namespaced name of a type named inside a scope (innermost first, then Mesos's own types)."""
        for package, namespace in PACKAGES.items():
            if kind.startswith(package):
                return namespace + kind[len(package):]
        parts = scope.split(".")
        for size in range(len(parts), 0, -1):
            candidate = ".".join(parts[:size] + [kind])
            if candidate in self.types:
                return candidate
        if f"Mesos.{kind}" in self.types:
            return f"Mesos.{kind}"
        sys.exit(f"{scope}: unknown type {kind}")

    @staticmethod
    def swift(name):
        return ".".join(swift_type_name(part) for part in name.split("."))

    def run(self):
        OUTPUT.mkdir(exist_ok=True)
        for file, namespace, package, roots in self.files:
            lines = [f"// Generated by Schema/generate.py from {file}: change that file, then `make protocol`.",
                     "// swift-format-ignore-file", "", "import JSONText", "",
                     f"/// The messages of package `{package}`.", f"public enum {namespace} {{}}", ""]
            for node in roots:
                lines.append(f"extension {namespace} {{")
                self.emit(node, namespace, package, 1, lines)
                lines += ["}", ""]
            (OUTPUT / f"{namespace}.swift").write_text("\n".join(lines))

    def emit(self, node, scope, package, indent, lines):
        pad = "    " * indent
        if isinstance(node, Enum):
            self.emit_enum(node, scope, pad, lines)
            return
        name = f"{scope}.{node.name}"
        body = MessageWriter(self, node, name, package)
        traits = "ProtoMessage" + (", Hashable" if body.is_identifier else "")
        lines.append(f"{pad}public struct {swift_type_name(node.name)}: {traits} {{")
        for child in node.children:
            self.emit(child, name, package, indent + 1, lines)
        lines += [f"{pad}    {line}" if line else "" for line in body.lines()]
        lines.append(f"{pad}}}")

    def emit_enum(self, node, scope, pad, lines):
        lines.append(f"{pad}public enum {swift_type_name(node.name)}: Int32, ProtoEnum {{")
        for value, number in node.values:
            lines.append(f"{pad}    case {escaped(case_name(value))} = {number}")
        hidden = [v for v, _ in node.values if (f"{scope.split('.', 1)[-1]}.{node.name}", v) in HIDDEN_VALUES]
        lines.append(f"{pad}    public var name: String {{")
        lines.append(f"{pad}        switch self {{")
        for value, _ in node.values:
            lines.append(f"{pad}        case .{escaped(case_name(value))}: \"{value}\"")
        lines.append(f"{pad}        }}\n{pad}    }}")
        lines.append(f"{pad}    public init?(name: String) {{")
        lines.append(f"{pad}        switch name {{")
        for value, _ in node.values:
            lines.append(f"{pad}        case \"{value}\": self = .{escaped(case_name(value))}")
        lines.append(f"{pad}        default: return nil\n{pad}        }}\n{pad}    }}")
        if hidden:
            tests = " || ".join(f"self == .{case_name(value)}" for value in hidden)
            lines.append(f"{pad}    public var isHiddenInJSON: Bool {{ {tests} }}")
        lines.append(f"{pad}}}")


class MessageWriter:
    def __init__(self, generator, node, name, package):
        self.generator, self.node, self.name, self.package = generator, node, name, package
        self.is_identifier = (
            [f.name for f in node.fields] == ["value"] and node.fields[0].label == "required"
            and node.fields[0].kind in ("string", "bytes")
        )

    def kind(self, field):
        """(Swift type, 'scalar' | 'enum' | 'message')"""
        if field.kind in SCALARS:
            return SCALARS[field.kind], "scalar"
        resolved = self.generator.resolve(field.kind, self.name)
        target = self.generator.types[resolved]
        return self.generator.swift(resolved), "enum" if isinstance(target, Enum) else "message"

    def map_value(self, field):
        inner = re.fullmatch(r"map<string, ([\w.]+)>", field.kind)
        return self.kind(Field("optional", inner[1], field.name, 0, ""))

    def lines(self):
        node = self.node
        full = f"{self.package}.{node.path}"
        out = [f'public static var messageName: String {{ "{full}" }}']
        for field in node.fields:
            out.append(self.property(field))
        for field in node.fields:
            if field.default and field.label == "optional":
                out += self.default_accessor(field)
        out.append("public init() {}")
        if self.is_identifier:
            out.append(f"public init(_ value: {SCALARS[node.fields[0].kind]}) {{ self.value = value }}")
        out += self.reader() + self.writer() + self.json_reader() + self.json_writer()
        return out

    def property(self, field):
        name = escaped(camel(field.name))
        if field.label == "map":
            return f"public var {name}: [String: {self.map_value(field)[0]}] = [:]"
        swift, category = self.kind(field)
        if field.label == "repeated":
            return f"public var {name}: [{swift}] = []"
        if field.label == "required":
            if category == "enum":
                return f"public var {name}: {swift} = {self.first_case(field)}"
            initial = f"{swift}()" if category == "message" else ZERO.get(swift, "0")
            return f"public var {name}: {swift} = {initial}"
        boxed = "@Boxed " if category == "message" else ""
        return f"{boxed}public var {name}: {swift}?"

    def first_case(self, field):
        target = self.generator.types[self.generator.resolve(field.kind, self.name)]
        return f".{escaped(case_name(target.values[0][0]))}"

    def default_value(self, field):
        swift, category = self.kind(field)
        return f"{swift}.{escaped(case_name(field.default))}" if category == "enum" else field.default

    def default_accessor(self, field):
        swift, _ = self.kind(field)
        name = camel(field.name)
        return [f"/// `{field.name}`, or the default that the schema declares for it.",
                f"public var {name}OrDefault: {swift} {{ {escaped(name)} ?? {self.default_value(field)} }}"]

    def reader(self):
        required = [f for f in self.node.fields if f.label == "required"]
        if not self.node.fields:
            return ["public init(from reader: inout ProtoReader) throws(ProtoError) {",
                    "    while let tag = try reader.nextTag() { try reader.skip(tag) }", "}"]
        out = ["public init(from reader: inout ProtoReader) throws(ProtoError) {"]
        if required:
            out.append("    var seen: UInt64 = 0")
        out += ["    while let tag = try reader.nextTag() {", "        switch tag.field {"]
        for field in self.node.fields:
            out += [f"        case {field.number}:"]
            out += [f"            {line}" for line in self.read_field(field, required)]
        out += ["        default: try reader.skip(tag)", "        }", "    }"]
        if required:
            names = ", ".join(f'"{f.name}"' for f in required)
            out.append(f"    try reader.require(seen, [{names}], in: Self.messageName)")
        return out + ["}"]

    def read_field(self, field, required):
        name = escaped(camel(field.name))
        seen = [f"seen |= {1 << required.index(field)}"] if field in required else []
        if field.label == "map":
            value, category = self.map_value(field)
            call = {"message": "readMapEntry", "scalar": "readStringMapEntry"}[category]
            return [f"let entry: (String, {value}) = try reader.{call}(tag)", f"{name}[entry.0] = entry.1"]
        swift, category = self.kind(field)
        if category == "enum":
            if field.label == "repeated":
                return [f"try reader.readRepeatedEnum(tag, into: &{name})"]
            return [f"if let value: {swift} = try reader.readEnum(tag) {{",
                    f"    {name} = value"] + [f"    {s}" for s in seen] + ["}"]
        if category == "message":
            read = f"try reader.readMessage(tag)"
            return [f"{name}.append({read})"] if field.label == "repeated" else [f"{name} = {read}"] + seen
        method = "read" + {"[UInt8]": "Bytes"}.get(swift, swift)
        if field.label == "repeated":
            if swift in ("String", "[UInt8]"):
                return [f"{name}.append(try reader.{method}(tag))"]
            return [f"try reader.readRepeated{swift}(tag, into: &{name})"]
        return [f"{name} = try reader.{method}(tag)"] + seen

    def writer(self):
        out = ["public func write(to writer: inout ProtoWriter) {"]
        for field in sorted(self.node.fields, key=lambda f: f.number):
            name = escaped(camel(field.name))
            if field.label == "map":
                out.append(f"    for key in {name}.keys.sorted() {{ writer.mapEntry({field.number}, key, {name}[key]) }}")
            elif field.label == "repeated":
                out.append(f"    for item in {name} {{ writer.field({field.number}, item) }}")
            elif field.label == "required":
                out.append(f"    writer.field({field.number}, {name})")
            else:
                out.append(f"    if let {name} {{ writer.field({field.number}, {name}) }}")
        return out + ["}"]

    def json_reader(self):
        out = ["public init(json: JSON) throws(ProtoError) {",
               "    let object = try ProtoJSON.object(json)"]
        if not self.node.fields:
            return out[:1] + ["    _ = try ProtoJSON.object(json)", "}"]
        for field in self.node.fields:
            name = escaped(camel(field.name))
            if field.label == "map":
                out.append(f'    {name} = try object.map("{field.name}")')
            elif field.label == "repeated":
                out.append(f'    {name} = try object.repeated("{field.name}")')
            elif field.label == "required":
                out.append(f'    {name} = try object.required("{field.name}")')
            else:
                out.append(f'    {name} = try object.optional("{field.name}")')
        out.append("    try object.finish()")
        return out + ["}"]

    def json_writer(self):
        out = ["public func write(to writer: inout JSONWriter) {", "    writer.beginObject()"]
        for field in self.node.fields:
            if (self.node.name, field.name) in NEVER_JSON:
                continue
            name = escaped(camel(field.name))
            if field.label == "map":
                out.append(f'    writer.map("{field.name}", {name})')
            elif field.label == "repeated":
                out.append(f'    writer.repeated("{field.name}", {name})')
            elif field.label == "required":
                out.append(f'    writer.proto("{field.name}", {name})')
            elif field.default and not field.deprecated:
                out.append(f'    writer.proto("{field.name}", {camel(field.name)}OrDefault)')
            else:
                out.append(f'    if let {name} {{ writer.proto("{field.name}", {name}) }}')
        return out + ["    writer.endObject()", "}"]


if __name__ == "__main__":
    Generator().run()
