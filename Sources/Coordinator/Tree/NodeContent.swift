#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a node's bytes are: how long its name and its data. Data of length -1 is null, which is not empty.
struct NodeContentLengths: Sendable {
    let name: Int32
    let data: Int32
}

/// Name and data of a node in one allocation of their size: most of a tree's memory is this.
struct NodeContent: @unchecked Sendable {
    // Safe: the buffer is written once, before `make` gives it away, and only read from then on.
    private let buffer: ManagedBuffer<NodeContentLengths, UInt8>

    static func make(name: UnsafeBufferPointer<UInt8>, data: UnsafeRawBufferPointer?) -> NodeContent {
        let lengths = NodeContentLengths(name: Int32(name.count), data: data.map { Int32($0.count) } ?? -1)
        let buffer = ManagedBuffer<NodeContentLengths, UInt8>.create(minimumCapacity: name.count + (data?.count ?? 0)) {
            _ in lengths
        }
        buffer.withUnsafeMutablePointerToElements { elements in
            if let base = name.baseAddress, !name.isEmpty { elements.update(from: base, count: name.count) }
            if let data, let base = data.baseAddress { memcpy(elements + name.count, base, data.count) }
        }
        return NodeContent(buffer: buffer)
    }

    /// The same name with other data.
    func replacing(data: [UInt8]?) -> NodeContent {
        withName { name in
            guard let data else { return NodeContent.make(name: name, data: nil) }
            return data.withUnsafeBytes { NodeContent.make(name: name, data: $0) }
        }
    }

    func withName<R>(_ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
        try buffer.withUnsafeMutablePointers { lengths, elements in
            try body(UnsafeBufferPointer(start: elements, count: Int(lengths.pointee.name)))
        }
    }

    /// Nil is the null buffer.
    func withData<R>(_ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
        try buffer.withUnsafeMutablePointers { lengths, elements in
            guard lengths.pointee.data >= 0 else { return try body(nil) }
            let start = elements + Int(lengths.pointee.name)
            return try body(UnsafeRawBufferPointer(start: start, count: Int(lengths.pointee.data)))
        }
    }

    var nameLength: Int { Int(buffer.header.name) }
    var name: String { withName { String(decoding: $0, as: UTF8.self) } }
    var data: [UInt8]? { withData { $0.map { [UInt8]($0) } } }
    /// 0 for null data, as Stat has it.
    var dataLength: Int { Int(max(0, buffer.header.data)) }
}
