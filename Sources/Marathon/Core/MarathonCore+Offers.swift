import MesosProtocol
import ServiceKit

extension MarathonCore {
    /// Launches what is wanted on the offers and declines the rest.
    mutating func match(_ offers: [Mesos.Offer], _ now: Timestamp) {
        for offer in offers {
            var matcher = OfferMatcher(offer)
            var launched: [Mesos.TaskInfo] = []
            var made: [StoreOperation] = []
            for app in apps.values.sorted(by: { $0.id.path < $1.id.path }) {
                while launched.count < configuration.maximumInstancesPerOffer, isLaunchable(app, now),
                    let match = matcher.take(app, using: &generator)
                {
                    let instance = provision(app, offer, match, now)
                    made.append(.saveInstance(instance))
                    launched.append(
                        TaskBuilder(configuration: configuration).task(app, instance, offer, match))
                }
            }
            if launched.isEmpty { decline(offer) } else { accept(offer, launched, made) }
        }
    }

    private mutating func provision(
        _ app: AppDefinition, _ offer: Mesos.Offer, _ match: OfferMatcher.Match, _ now: Timestamp
    ) -> Instance {
        let instance = Instance(
            id: "\(app.id.safe).instance-\(newUUID())", app: app.id, configVersion: app.lastConfigChangeAt,
            appVersion: app.version, agentID: offer.agentID.value, host: offer.hostname,
            ports: match.hostPorts, stagedAt: now)
        instances[instance.id] = instance
        return instance
    }

    /// The instances are kept before the master hears of them, so that no task can be forgotten.
    private mutating func accept(_ offer: Mesos.Offer, _ tasks: [Mesos.TaskInfo], _ made: [StoreOperation]) {
        effects.append(.store(made))
        for case .saveInstance(let instance) in made {
            log("launching on \(offer.hostname)", app: instance.app, task: instance.taskID)
        }
        call(.accept) { call in
            call.accept = .with { accept in
                accept.offerIDs = [offer.id]
                accept.filters = .with { $0.refuseSeconds = 1 }
                accept.operations = [
                    .with { operation in
                        operation.type = .launch
                        operation.launch = .with { $0.taskInfos = tasks }
                    }
                ]
            }
        }
    }

    private mutating func decline(_ offer: Mesos.Offer) {
        let seconds = configuration.declineDuration.inSeconds
        call(.decline) { call in
            call.decline = .with { decline in
                decline.offerIDs = [offer.id]
                decline.filters = .with { $0.refuseSeconds = seconds }
            }
        }
    }
}
