/// The names of sequential nodes.
enum SequentialName {
    /// The number at the end of a name, which the server made; the largest one when there is none.
    static func number(_ name: String) -> Int64 {
        // A counter that ran over is negative, and then as long.
        if let overrun = Int64(name.suffix(11)), overrun < 0 { return overrun }
        return Int64(name.suffix(10)) ?? .max
    }
}
