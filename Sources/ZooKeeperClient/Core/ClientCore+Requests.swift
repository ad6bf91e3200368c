import ServiceKit
import ZooKeeperProtocol

extension ClientCore {
    mutating func take(_ request: ClientRequest, _ now: Timestamp) {
        if isClosing { return fail(request, .closing) }
        if phase == .established { write(request, now) } else { queued.append(request) }
    }

    /// What was sent already is answered as ever.
    mutating func cancel(_ number: UInt64) {
        guard let index = queued.firstIndex(where: { $0.number == number }) else { return }
        let request = queued.remove(at: index)
        if case .add(let watch) = request.onSuccess { effects.append(.forget(watch: watch.number)) }
        effects.append(.cancelled(number))
    }

    mutating func write(_ request: ClientRequest, _ now: Timestamp) {
        inFlight.append(Sent(xid: nextXID, request: request, at: now))
        send(request.operation, xid: nextXID, request.body, now)
        nextXID = nextXID == .max ? 1 : nextXID + 1
    }

    mutating func send(_ operation: OperationCode, xid: Int32, _ body: [UInt8], _ now: Timestamp) {
        var writer = JuteWriter.beginFrame(capacity: body.count + 12)
        writer.int(xid)
        writer.int(operation.rawValue)
        writer.raw(body)
        lastSent = now
        effects.append(.send(connection, writer.endFrame()))
    }

    mutating func fail(_ request: ClientRequest, _ code: ZooKeeperErrorCode) {
        if case .add(let watch) = request.onSuccess { effects.append(.forget(watch: watch.number)) }
        if request.number != 0 { effects.append(.answer(request.number, .failure(code))) }
    }

    mutating func authenticate(_ number: UInt64, _ credentials: Credentials, _ now: Timestamp) {
        if isClosing { return effects.append(.answer(number, .failure(.closing))) }
        proofs.append(Proof(credentials: credentials, waiter: number))
        if phase == .established { send(credentials, now) }
    }

    private mutating func send(_ credentials: Credentials, _ now: Timestamp) {
        var writer = JuteWriter()
        writer.int(0)
        writer.string(credentials.scheme)
        writer.buffer(credentials.data)
        send(.auth, xid: ReservedXID.auth, writer.bytes, now)
    }

    mutating func received(_ frame: [UInt8], _ now: Timestamp) {
        lastHeard = now
        do {
            var reader = JuteReader(frame)
            if case .greeting(let since, _) = phase {
                established(try ConnectResponse(from: &reader), askedAt: since, now)
            } else if phase == .established {
                try reply(&reader, frame, now)
            }
        } catch {
            effects.append(.report(.nonsense, "\(server): \(error)"))
            giveUp(now)
        }
    }

    /// The order matters: who this client is, its watches, and only then its requests.
    private mutating func established(_ response: ConnectResponse, askedAt: Timestamp, _ now: Timestamp) {
        guard response.sessionID != 0 else { return sessionIsOver(now) }
        let isNew = session.sessionID != response.sessionID
        session = response
        confirmed = askedAt
        phase = .established
        answeredProofs = 0
        pingSent = nil
        effects.append(.report(.connected, "\(server), \(sessionName)"))
        for proof in proofs { send(proof.credentials, now) }
        for (operation, body) in watches.restoring(since: lastZxid) {
            send(operation, xid: ReservedXID.setWatches, body, now)
        }
        for watch in watches.persistent {
            effects.append(.fire(watch: watch.number, WatchEvent(kind: .interrupted, path: watch.path)))
        }
        let waiting = queued
        queued = []
        for request in waiting { write(request, now) }
        effects.append(.tell(.connected(isNew: isNew)))
    }

    private mutating func reply(
        _ reader: inout JuteReader, _ frame: [UInt8], _ now: Timestamp
    ) throws(JuteError) {
        let header = try ReplyHeader(from: &reader)
        switch header.xid {
        case ReservedXID.notification: return try notified(&reader)
        case ReservedXID.auth: return proved(header.error, now)
        case ReservedXID.ping:
            if let pingSent { confirmed = max(confirmed, pingSent) }
            pingSent = nil
        case ReservedXID.setWatches: break
        default:
            guard let first = inFlight.first, first.xid == header.xid else {
                throw JuteError("a reply to request \(header.xid) out of turn")
            }
            inFlight.removeFirst()
            confirmed = max(confirmed, first.at)
            if header.zxid > 0 { lastZxid = max(lastZxid, header.zxid) }
            complete(first.request, header.error, frame)
        }
        schedule.succeeded()
    }

    private mutating func complete(_ request: ClientRequest, _ error: Int32, _ frame: [UInt8]) {
        let code = ZooKeeperErrorCode(rawValue: error) ?? .systemError
        if request.operation == .closeSession { return finish() }
        let isMissing = code == .noNode && request.operation == .exists
        guard code == .ok || isMissing else { return fail(request, code) }
        switch request.onSuccess {
        case .add(var watch):
            if isMissing { watch.kind = .exist }
            watches.add(watch)
        case .remove(let path, let removal):
            for watch in watches.remove(path, removal) { effects.append(.forget(watch: watch.number)) }
        case nil: break
        }
        effects.append(.answer(request.number, code == .ok ? .success(Array(frame.dropFirst(16))) : .failure(code)))
    }

    /// Servers answer proofs in their order.
    private mutating func proved(_ error: Int32, _ now: Timestamp) {
        guard answeredProofs < proofs.count else { return }
        let waiter = proofs[answeredProofs].waiter
        proofs[answeredProofs].waiter = nil
        if error == 0 {
            answeredProofs += 1
            if let waiter { effects.append(.answer(waiter, .success([]))) }
        } else if let waiter {
            proofs.remove(at: answeredProofs)
            effects.append(.answer(waiter, .failure(.authFailed)))
        } else {
            effects.append(
                .report(.refused, "\(server) refuses the scheme \(proofs[answeredProofs].credentials.scheme)"))
            answeredProofs += 1
        }
    }

    private mutating func notified(_ reader: inout JuteReader) throws(JuteError) {
        let type = try reader.int()
        _ = try reader.int()
        let path = try reader.text()
        let kind: WatchEvent.Kind
        switch WatchEventType(rawValue: type) {
        case .created: kind = .created
        case .deleted: kind = .deleted
        case .dataChanged: kind = .dataChanged
        case .childrenChanged: kind = .childrenChanged
        case nil: throw JuteError("a watch event of type \(type)")
        }
        guard let type = WatchEventType(rawValue: type) else { return }
        for watch in watches.fire(type, at: path) {
            effects.append(.fire(watch: watch.number, WatchEvent(kind: kind, path: path)))
            if !watch.stays { effects.append(.forget(watch: watch.number)) }
        }
    }
}
