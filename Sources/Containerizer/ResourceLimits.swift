import MesosProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The resource limits of a task as options of the launcher (getrlimit(2)).
public enum ResourceLimits {
    private static let numbers: [Mesos.RLimitInfo.RLimit.Kind: Int32] = [
        .rlmtCpu: 0, .rlmtFsize: 1, .rlmtData: 2, .rlmtStack: 3, .rlmtCore: 4, .rlmtRss: 5, .rlmtNproc: 6,
        .rlmtNofile: 7, .rlmtMemlock: 8, .rlmtAs: 9, .rlmtLocks: 10, .rlmtSigpending: 11, .rlmtMsgqueue: 12,
        .rlmtNice: 13, .rlmtRtprio: 14, .rlmtRttime: 15,
    ]

    /// A limit without amounts is unlimited; one with a single amount is refused, as Mesos does.
    public static func options(_ info: Mesos.RLimitInfo?) throws(ContainerError) -> [String] {
        var options: [String] = []
        for limit in info?.rlimits ?? [] {
            guard let type = limit.type, let number = numbers[type] else {
                throw ContainerError("the rlimit \(limit.type?.name ?? "without a type") is unknown")
            }
            switch (limit.soft, limit.hard) {
            case (nil, nil): options.append("--rlimit=\(number):\(UInt64.max):\(UInt64.max)")
            case (let soft?, let hard?) where soft <= hard: options.append("--rlimit=\(number):\(soft):\(hard)")
            default: throw ContainerError("the rlimit \(type.name) needs soft and hard, soft not above hard")
            }
        }
        return options
    }
}
