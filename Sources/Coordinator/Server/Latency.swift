/// How often something was waited for, and how many milliseconds.
struct Latency {
    private(set) var minimum = 0.0
    private(set) var maximum = 0.0
    private(set) var total = 0.0
    private(set) var count = 0

    var average: Double { count == 0 ? 0 : total / Double(count) }

    mutating func add(_ milliseconds: Double) {
        minimum = count == 0 ? milliseconds : min(minimum, milliseconds)
        maximum = max(maximum, milliseconds)
        total += milliseconds
        count += 1
    }
}
