#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Resource limits as the shell's `ulimit` takes them: `-n 8192 -c unlimited`.
struct ShellLimits: Equatable {
    struct Limit: Equatable {
        let resource: Int32
        /// Nil is no limit.
        let value: UInt64?
        let option: String
    }

    /// The options of bash's `ulimit`: the number of the resource (the kernel's asm-generic/resource.h, as Swift sees no
    /// name of some), and of how many bytes (or other units) one of its numbers is.
    private static let resources: [Character: (resource: Int32, unit: UInt64)] = [
        "t": (0, 1), "f": (1, 1024), "d": (2, 1024), "s": (3, 1024), "c": (4, 1024), "u": (6, 1), "n": (7, 1),
        "l": (8, 1024), "v": (9, 1024),
    ]

    let limits: [Limit]

    /// `source` names the variable in errors.
    init(parsing text: String, source: String) throws(FlagError) {
        var limits: [Limit] = []
        var words = text.split(whereSeparator: \.isWhitespace)[...]
        while let option = words.popFirst() {
            guard option.count == 2, option.hasPrefix("-"), let letter = option.last,
                let known = Self.resources[letter]
            else {
                throw FlagError(
                    "\(source): '\(option)' is wrong: expected an option of ulimit such as -n, and a number")
            }
            let text = words.popFirst()
            let number = text.flatMap { UInt64($0) }
            guard text == "unlimited" || number.map({ $0 <= UInt64.max / 1024 }) == true else {
                throw FlagError("\(source): \(option) needs a number or 'unlimited' after it")
            }
            limits.append(
                Limit(resource: known.resource, value: number.map { $0 * known.unit }, option: String(option)))
        }
        self.limits = limits
    }

    /// Sets them for this process and those it starts.
    func apply(source: String) throws(FlagError) {
        for limit in limits {
            let value = limit.value.map { rlim_t($0) } ?? rlim_t.max
            var both = rlimit(rlim_cur: value, rlim_max: value)
            guard setrlimit(__rlimit_resource_t(UInt32(limit.resource)), &both) == 0 else {
                let reason = String(cString: strerror(errno))
                throw FlagError(
                    "\(source): \(limit.option) cannot be set: \(reason): a service gets no more than its unit allows, "
                        + "such as LimitNOFILE= for -n")
            }
        }
    }
}
