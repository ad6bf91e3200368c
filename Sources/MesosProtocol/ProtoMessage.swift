import JSONText

/// A proto2 message in both of Mesos's encodings: the binary wire format and Mesos's JSON mapping.
public protocol ProtoMessage: Sendable, Equatable {
    /// The full name, with its package (`mesos.internal.RunTaskMessage`).
    static var messageName: String { get }
    init()
    /// Reads fields up to the end of the reader. Fields and enum numbers that are not known are passed over.
    init(from reader: inout ProtoReader) throws(ProtoError)
    func write(to writer: inout ProtoWriter)
    /// Reads an object of Mesos's JSON mapping: snake_case names; `null` and unknown names count as absent.
    init(json: JSON) throws(ProtoError)
    func write(to writer: inout JSONWriter)
}

/// A proto2 enum; its JSON is the name of the value.
public protocol ProtoEnum: RawRepresentable, Sendable, Hashable, CaseIterable where RawValue == Int32 {
    var name: String { get }
    init?(name: String)
    /// True for a value that v1 answers of Mesos leave out.
    var isHiddenInJSON: Bool { get }
}

extension ProtoEnum {
    public var isHiddenInJSON: Bool { false }
}

/// Why bytes or JSON are not a message.
public enum ProtoError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The bytes are not a well-formed message.
    case malformed(String)
    case missingRequired([String], message: String)
    /// The JSON has the wrong shape; the text is the one that Mesos answers with.
    case json(String)

    public var description: String {
        switch self {
        case .malformed(let what): "malformed message: \(what)"
        case .missingRequired(let fields, _): "Missing required fields: \(fields.joined(separator: ", "))"
        case .json(let text): text
        }
    }
}

extension ProtoMessage {
    /// A message built in place: `Mesos.TaskStatus.with { $0.state = .taskRunning }`.
    public static func with(_ build: (inout Self) -> Void) -> Self {
        var message = Self()
        build(&message)
        return message
    }

    public init(protobuf bytes: [UInt8]) throws(ProtoError) {
        var reader = ProtoReader(bytes)
        try self.init(from: &reader)
    }

    public var protobuf: [UInt8] {
        var writer = ProtoWriter()
        write(to: &writer)
        return writer.bytes
    }

    public var jsonBytes: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    public var jsonText: String { String(decoding: jsonBytes, as: UTF8.self) }
}

/// An optional message kept on the heap, so that a message with many of them stays small and cheap to copy.
@propertyWrapper
public struct Boxed<Wrapped: Sendable & Equatable>: Sendable, Equatable {
    private final class Storage: Sendable {
        let value: Wrapped
        init(_ value: Wrapped) { self.value = value }
    }

    private var storage: Storage?

    public init(wrappedValue: Wrapped?) { storage = wrappedValue.map(Storage.init) }
    public init() {}

    public var wrappedValue: Wrapped? {
        get { storage?.value }
        set { storage = newValue.map(Storage.init) }
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage || left.wrappedValue == right.wrappedValue
    }
}

extension ProtoMessage {
    /// Reads JSON text.
    public init(jsonText: String) throws {
        try self.init(json: try JSON(parsing: jsonText))
    }
}
