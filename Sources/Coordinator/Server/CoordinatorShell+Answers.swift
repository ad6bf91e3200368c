import DequeModule
import NIOCore
import ServiceKit
import ZooKeeperProtocol

/// How answers leave.
extension CoordinatorShell {
    /// Answers of one client beyond this stop the reading of its requests.
    private static let maximumUnread = 4 << 20
    /// A client that lets this many bytes pile up, of events that it asked for and does not read, is cut off.
    private static let maximumBacklog = 64 << 20
    /// For about as long watchers hear of a change before other clients have their turn.
    private static let eventsTurn = TimeAmount.milliseconds(4)
    /// The loop looks at its sockets between turns, if it comes to that before the next one is due. How long that takes
    /// depends on the machine, and so does how long a turn takes: the pause is this part of it.
    private static let pausesPerTurn: Int64 = 32
    /// What a client has to read the last answer before its connection closes.
    private static let closingTime = TimeAmount.seconds(5)

    func queue(
        _ id: ConnectionID, _ frame: [UInt8], _ now: Timestamp, isReply: Bool, isUpdate: Bool = false,
        closes: Bool = false
    ) {
        guard let connection = connections[id], !connection.isClosing else { return }
        connection.isClosing = closes
        connection.append(
            .init(
                needs: log.appended, frame: frame, receivedAt: now, isReply: isReply, isUpdate: isUpdate,
                closes: closes))
        if log.appended <= log.synced {
            makeReady(connection)
        } else if isReply || closes {
            guard !connection.isBlocked else { return }
            connection.isBlocked = true
            blocked.append(connection)
        }
    }

    /// One event for each of many.
    func notify(_ ids: [ConnectionID], _ frame: [UInt8], _ now: Timestamp) {
        let event = ClientConnection.Answer(
            needs: log.appended, frame: frame, receivedAt: now, isReply: false, isUpdate: false, closes: false)
        let isDue = log.appended <= log.synced
        let connections = connections
        for id in ids {
            guard let connection = connections[id], !connection.isClosing else { continue }
            connection.append(event)
            if isDue {
                makeReady(connection)
            } else {
                lineUp(connection, until: log.appended)
            }
        }
    }

    /// Has a connection wait for the disk with events alone.
    private func lineUp(_ connection: ClientConnection, until needed: UInt64) {
        guard !connection.isBacklogged else { return }
        connection.isBacklogged = true
        connection.waitsFor = needed
        backlog.append(connection)
    }

    private func makeReady(_ connection: ClientConnection) {
        guard !connection.isReady else { return }
        connection.isReady = true
        ready.append(connection)
    }

    /// Sends what may leave, and takes requests again that waited. Call when the requests that came together are taken
    /// in. A call from within, by a client that goes on, is carried out by the call that let it.
    func flush() {
        guard !isFlushing else { return }
        isFlushing = true
        defer { isFlushing = false }
        repeat {
            while !ready.isEmpty {
                let connections = ready
                ready = []
                for connection in connections {
                    connection.isReady = false
                    send(connection)
                }
            }
        } while resumeClogged()
    }

    /// More of the log is on disk: those who wait for an answer come before those who watch.
    func synced() {
        let waiting = blocked
        blocked = []
        for connection in waiting {
            connection.isBlocked = false
            makeReady(connection)
            if let last = connection.answers.last, last.needs > log.synced {
                connection.isBlocked = true
                blocked.append(connection)
            }
        }
        flush()
        drain()
    }

    /// Tells watchers, some at a time.
    private func drain() {
        guard !isDraining else { return }
        var due: [ClientConnection] = []
        // The rest waits for the disk as well: what came later is synced later. What the first one was to be told may
        // have gone with a reply; that it waits for more now must not hold up those behind it.
        while due.count < eventsAtOnce, let connection = backlog.first, connection.waitsFor <= log.synced {
            backlog.removeFirst()
            connection.isBacklogged = false
            due.append(connection)
        }
        let time = tell(due)
        for connection in due {
            if let last = connection.answers.last, last.needs > log.synced { lineUp(connection, until: last.needs) }
        }
        flush()
        guard let next = backlog.first, next.waitsFor <= log.synced else { return }
        isDraining = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        // A task that is due at once would come before the sockets.
        eventLoop.scheduleTask(in: .nanoseconds(max(time.nanoseconds / Self.pausesPerTurn, 5000))) {
            bound.value.isDraining = false
            bound.value.drain()
        }
    }

    /// Tells so many as a turn may take; from its time, which it returns, follows how many that are.
    private func tell(_ due: [ClientConnection]) -> TimeAmount {
        let start = NIODeadline.now()
        // What happens on one channel meanwhile must not send what is about to be sent to another.
        isFlushing = true
        sendTogether(due)
        isFlushing = false
        let time = NIODeadline.now() - start
        guard due.count == eventsAtOnce else { return time }
        let isLong = time > Self.eventsTurn
        eventsAtOnce = isLong ? max(32, eventsAtOnce / 2) : min(2048, eventsAtOnce * 5 / 4)
        return time
    }

    /// One event for many goes out on several processors.
    private func sendTogether(_ due: [ClientConnection]) {
        var writes: [SocketWrite] = []
        var receivers: [ClientConnection] = []
        writes.reserveCapacity(due.count)
        receivers.reserveCapacity(due.count)
        for connection in due {
            if let write = connection.soleFrame(synced: log.synced) {
                writes.append(write)
                receivers.append(connection)
            } else {
                send(connection)
            }
        }
        SocketWrite.perform(&writes)
        let now = clock.now
        for (index, connection) in receivers.enumerated() {
            let answer = connection.answers.removeFirst()
            connection.queuedBytes -= answer.frame.count
            account(answer, connection, now)
            connection.finish(writes[index])
            goOn(connection)
        }
    }

    /// Sends a connection's answers that are due, all at once.
    private func send(_ connection: ClientConnection) {
        guard connection.channel.isWritable else { return cutOffIfStuck(connection) }
        let now = clock.now
        var bytes: [UInt8] = []
        var closes = false
        while let answer = connection.answers.first, answer.needs <= log.synced, !closes {
            connection.answers.removeFirst()
            connection.queuedBytes -= answer.frame.count
            closes = answer.closes
            // The first is not copied: often it is the only one.
            if bytes.isEmpty { bytes = answer.frame } else { bytes += answer.frame }
            if !answer.frame.isEmpty { account(answer, connection, now) }
        }
        if !bytes.isEmpty { connection.write(bytes) }
        if closes { connection.closeWhenSent(within: Self.closingTime) }
        goOn(connection)
    }

    private func cutOffIfStuck(_ connection: ClientConnection) {
        if connection.isClosing { connection.close(within: Self.closingTime) }
        guard connection.queuedBytes > Self.maximumBacklog else { return }
        logger.warning("\(connection.address):\(connection.port) does not read its events: closing its connection")
        connection.channel.close(promise: nil)
    }

    private func account(_ answer: ClientConnection.Answer, _ connection: ClientConnection, _ now: Timestamp) {
        statistics.sent += 1
        connection.sent += 1
        guard answer.isReply else { return }
        statistics.add(response: answer.frame.count - 4)
        let milliseconds = (now - answer.receivedAt).inSeconds * 1000
        statistics.latency.add(milliseconds)
        if answer.isUpdate {
            statistics.updateLatency.add(milliseconds)
        } else {
            statistics.readLatency.add(milliseconds)
        }
        connection.latency.add(milliseconds)
        connection.lastLatency = milliseconds
        connection.lastResponse = now
        connection.lastZxid = core.lastZxid
    }

    /// Whether no more of a client's requests are taken for now: it does not read its answers, or the disk does not
    /// keep up with everybody. `resume` is called when they are taken again.
    func isClogged(_ id: ConnectionID, resume: @escaping () -> Void) -> Bool {
        guard let connection = connections[id], isCongested || isUnread(connection) else { return false }
        connection.resume = resume
        goOn(connection)
        return true
    }

    private var isCongested: Bool { outstanding > configuration.outstandingLimit || log.admission == .congested }

    private func isUnread(_ connection: ClientConnection) -> Bool {
        connection.queuedBytes > Self.maximumUnread || !connection.channel.isWritable
    }

    /// A client has read some of its answers.
    func becameWritable(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        send(connection)
        flush()
    }

    /// Lets a client that waits and has read its answers go on when its turn comes.
    private func goOn(_ connection: ClientConnection) {
        guard connection.resume != nil, !connection.isClogged, !isUnread(connection) else { return }
        connection.isClogged = true
        clogged.append(connection)
    }

    /// Whether anybody went on.
    private func resumeClogged() -> Bool {
        var isAny = false
        while !isCongested, let connection = clogged.popFirst() {
            connection.isClogged = false
            // Who has not read what came meanwhile has its turn again when it has.
            guard let resume = connection.resume, !isUnread(connection) else { continue }
            connection.resume = nil
            resume()
            isAny = true
        }
        return isAny
    }
}
