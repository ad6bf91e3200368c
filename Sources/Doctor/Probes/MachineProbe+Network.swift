import JSONText

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension MachineProbe {
    /// Every server of every ensemble, all at once.
    func ensembles(_ named: [Ensembles.Ensemble]) async -> [EnsembleFacts] {
        await Self.concurrently(named) { ensemble in
            let servers = await Self.concurrently(ensemble.address.servers) { server in
                await self.server(server.host, server.port, ensemble)
            }
            return EnsembleFacts(
                url: ensemble.address.description, usedBy: ensemble.usedBy, path: ensemble.path, servers: servers)
        }
    }

    private func server(_ host: String, _ port: Int, _ ensemble: Ensembles.Ensemble) async -> ServerFacts {
        var facts = ServerFacts(host: host, port: port)
        facts.resolution = await Probe.look { NetworkNames.resolve(host) }
        guard let addresses = facts.resolution.value else { return facts }
        var probes: [ZooKeeperProbe] = []
        let end = ContinuousClock.now + Probe.deadline
        for address in addresses {
            probes.append(
                ZooKeeperProbe(
                    address: address, port: port, credentials: ensemble.credentials, path: ensemble.path, end: end))
        }
        if ensemble.isEncrypted { return await encrypted(facts, probes) }
        // The first address that takes a connection is the server's.
        for probe in probes {
            async let word = Probe.look { Self.attempt { try probe.word() } }
            async let session = Probe.look { Self.attempt { try probe.session() } }
            let (said, opened) = await (word, session)
            facts.word = said.value ?? .none
            facts.session = opened.value ?? .none
            facts.refusal = said.value == nil && opened.value == nil ? said.reason : nil
            if facts.answers { break }
        }
        return facts
    }

    private func encrypted(_ facts: ServerFacts, _ probes: [ZooKeeperProbe]) async -> ServerFacts {
        var facts = facts
        for probe in probes where facts.session == .none {
            let reached = await Probe.look { Self.attempt { try probe.connect() } }
            facts.refusal = reached.reason
            if reached.value != nil { facts.session = .isEncrypted }
        }
        return facts
    }

    private static func attempt<Value>(_ work: () throws -> Value) -> Observed<Value> {
        do { return .seen(try work()) } catch { return .unseen("\(error)") }
    }

    /// Asks every master for its version, and so for its time.
    func ask(_ ensembles: [EnsembleFacts]) async -> [EnsembleFacts] {
        await Self.concurrently(ensembles) { ensemble in
            guard let masters = ensemble.masters else { return ensemble }
            let asked = await Self.concurrently(masters) { master in
                var master = master
                master.answer = await self.answer(master)
                return master
            }
            var ensemble = ensemble
            for index in ensemble.servers.indices {
                if case .masters = ensemble.servers[index].session { ensemble.servers[index].session = .masters(asked) }
            }
            return ensemble
        }
    }

    private func answer(_ master: MasterFacts) async -> MasterFacts.Answer {
        switch await version(master.address, master.port) {
        case .seen((let version, let skew)): .version(version, skewSeconds: skew)
        case .unseen(let reason): .silent(reason)
        }
    }

    /// What a master or an agent says it is.
    func version(_ address: String, _ port: Int) async -> Observed<(String, Int?)> {
        await Probe.look {
            do throws(Connection.Failure) {
                let connection = try Connection.open(address, port, until: .now + Probe.deadline)
                let page = try WebPage.get("/version", host: "\(address):\(port)", from: connection)
                guard page.status == 200, let object = try? JSON(parsing: page.body),  // No JSON is no version.
                    let version = object.value("git_sha")?.string ?? object.value("version")?.string
                else { return .unseen("it answers \(page.status) to GET /version, and no version") }
                return .seen((version, page.skewSeconds))
            } catch {
                return .unseen(error.description)
            }
        }
    }

    func docker(_ program: String, _ socket: String) async -> DockerFacts {
        let files = files
        async let place = Probe.look { Observed.seen(files.program(program) != nil) }
        async let daemon = Probe.look { Observed.seen(Self.daemon(files.location(socket), named: socket)) }
        let (isInstalled, answer) = await (place, daemon)
        return DockerFacts(
            program: program, isInstalled: isInstalled.value ?? false, socket: socket,
            daemon: answer.value ?? .silent(answer.reason ?? ""))
    }

    private static func daemon(_ path: String, named socket: String) -> DockerFacts.Daemon {
        do {
            let connection = try Connection.open(socket: path, until: .now + Probe.deadline)
            let page = try WebPage.get("/info", host: "docker", from: connection)
            return SystemText.docker(page.body).map(DockerFacts.Daemon.answers)
                ?? .silent("it answers \(page.status), and not what Docker does")
        } catch {
            switch error.code {
            case ENOENT: return .absent
            case EACCES, EPERM: return .forbidden
            default: return .silent(error.description)
            }
        }
    }

    /// Does the same with all of some values at once; the results are in their order.
    static func concurrently<Value: Sendable, Result: Sendable>(
        _ values: [Value], _ work: @escaping @Sendable (Value) async -> Result
    ) async -> [Result] {
        await withTaskGroup(of: (Int, Result).self) { tasks in
            for (index, value) in values.enumerated() { tasks.addTask { (index, await work(value)) } }
            var results: [Int: Result] = [:]
            for await (index, result) in tasks { results[index] = result }
            return values.indices.compactMap { results[$0] }
        }
    }
}
