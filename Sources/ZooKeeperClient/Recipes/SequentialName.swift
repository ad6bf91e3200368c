/// The names of sequential nodes.
enum SequentialName {
    /// The number at the end of a name, which the server made; the largest one when there is none.
    static func number(_ name: String) -> Int64 { Int64(name.suffix(10)) ?? .max }
}
