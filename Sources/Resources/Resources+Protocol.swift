import MesosProtocol

extension Resources {
    /// Which of the two forms a reader knows.
    public enum Form: Sendable {
        /// `reservations`: frameworks with RESERVATION_REFINEMENT.
        case refined
        /// `role` and `reservation`.
        case plain
    }

    /// The resources as messages; `role` is whom they are allocated to.
    public func messages(allocatedTo role: String? = nil, form: Form = .refined) -> [Mesos.Resource] {
        entries.map { entry in
            var message = entry.kind
            switch entry.value {
            case .scalar(let amount):
                message.type = .scalar
                message.scalar = .with { $0.value = Double(amount) / 1000 }
            case .ranges(let ranges):
                message.type = .ranges
                message.ranges = .with { message in
                    message.range = ranges.map { range in
                        .with {
                            $0.begin = range.lowerBound
                            $0.end = range.upperBound
                        }
                    }
                }
            case .set(let items):
                message.type = .set
                message.set = .with { $0.item = items.sorted() }
            }
            if let role { message.allocationInfo = .with { $0.role = role } }
            if form == .plain { Self.makePlain(&message) }
            return message
        }
    }

    private static func makePlain(_ message: inout Mesos.Resource) {
        guard message.reservations.count < 2 else { return }
        let reservation = message.reservations.first
        message.role = reservation?.role ?? "*"
        if let reservation, reservation.type == .dynamic {
            message.reservation = .with {
                $0.principal = reservation.principal
                $0.labels = reservation.labels
            }
        }
        message.reservations = []
    }

    /// The text that Mesos's messages have: `cpus(allocated: dev):0.1; mem(allocated: dev):32`.
    public func text(allocatedTo role: String? = nil) -> String {
        entries.map { entry in
            let allocation = role.map { "(allocated: \($0))" } ?? ""
            let reservation = entry.reservedRole.map { "(reservations: [(STATIC,\($0))])" } ?? ""
            return "\(entry.name)\(allocation)\(reservation):\(entry.value.text)"
        }.joined(separator: "; ")
    }
}
