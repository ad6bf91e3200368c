import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import ZooKeeperClient

/// A client's core and what stands above it: it keeps a view of the nodes by looking again whenever a watch tells.
struct SimulatedClient {
    enum Kind {
        /// A watch for one event on each node, there or not.
        case data
        /// A watch for one event on the list of nodes.
        case children
        /// One watch that stays, on everything.
        case recursive
    }

    private enum Purpose {
        case look(String)
        case list
        case subscribe
        case change
    }

    let kind: Kind
    private(set) var core: ClientCore
    /// By path: which transaction changed a node last; 1 for a node that is only known to be there.
    private(set) var view: [String: Int64] = [:]
    private(set) var expirations = 0
    private(set) var renewals = 0
    private(set) var interruptions = 0
    private var purposes: [UInt64: Purpose] = [:]
    private var queue: [ClientRequest] = []
    private var nextNumber: UInt64 = 1

    /// The requests that are not answered.
    var pending: [UInt64] { purposes.keys.sorted() }

    init(kind: Kind, seed: UInt64) {
        self.kind = kind
        core = ClientCore(
            configuration: .init(
                servers: (1...3).map { .init(host: "s\($0)", port: 1) }, sessionTimeout: 4000, seed: seed))
    }

    mutating func begin() {
        switch kind {
        case .data: for path in ClientSimulation.paths { look(path) }
        case .children: list()
        case .recursive: subscribe()
        }
    }

    /// The requests that are to be made now.
    mutating func wanted() -> [ClientRequest] {
        defer { queue = [] }
        return queue
    }

    mutating func handle(_ event: ClientEvent, at now: Timestamp) -> [ClientEffect] {
        let effects = core.handle(event, at: now)
        for effect in effects {
            switch effect {
            case .answer(let number, let result): answered(number, result)
            case .fire(_, let event): fired(event)
            case .tell(.expired): expirations += 1
            case .tell(.connected(isNew: false)): renewals += 1
            default: break
            }
        }
        return effects
    }

    mutating func change(_ path: String, _ way: Int) -> ClientRequest {
        let operation: OperationCode = [.create, .setData, .delete][way]
        let body = ZooKeeperClient.record(path) { writer in
            if operation != .delete { writer.buffer([1]) }
            if operation == .create { writer.vector(ACL.open) { $1.write(to: &$0) } }
            writer.int(operation == .create ? 0 : -1)
        }
        return request(operation, body, .change)
    }

    private mutating func request(
        _ operation: OperationCode, _ body: [UInt8], _ purpose: Purpose, watch: (String, Watch.Kind)? = nil
    ) -> ClientRequest {
        nextNumber += 2
        purposes[nextNumber] = purpose
        let number = nextNumber + 1
        return ClientRequest(
            number: nextNumber, operation: operation, body: body,
            onSuccess: watch.map { .add(Watch(number: number, path: $0.0, kind: $0.1)) })
    }

    private mutating func look(_ path: String) {
        let isWatched = kind == .data
        let body = ZooKeeperClient.record(path) { $0.bool(isWatched) }
        queue.append(request(.exists, body, .look(path), watch: isWatched ? (path, .data) : nil))
    }

    private mutating func list() {
        let body = ZooKeeperClient.record("/") { $0.bool(true) }
        queue.append(request(.getChildren, body, .list, watch: ("/", .child)))
    }

    private mutating func subscribe() {
        queue.append(
            request(.addWatch, ZooKeeperClient.record("/") { $0.int(1) }, .subscribe, watch: ("/", .recursive)))
    }

    private mutating func fired(_ event: WatchEvent) {
        if event.kind == .interrupted { interruptions += 1 }
        switch kind {
        case .data: look(event.path)
        case .children: list()
        case .recursive:
            let paths = event.kind == .interrupted ? ClientSimulation.paths : [event.path]
            for path in paths where ClientSimulation.paths.contains(path) { look(path) }
        }
    }

    private mutating func answered(_ number: UInt64, _ result: Result<[UInt8], ZooKeeperErrorCode>) {
        guard let purpose = purposes.removeValue(forKey: number) else {
            Issue.record("request \(number) is answered twice")
            return
        }
        let isLost = result == .failure(.connectionLoss)
        switch purpose {
        case .change: break
        case .look(let path) where isLost: look(path)
        case .look(let path):
            guard case .success(let body) = result else { return view[path] = nil }
            var reader = JuteReader(body)
            view[path] = (try? Stat(from: &reader))?.mzxid
        case .list where isLost: list()
        case .list:
            guard case .success(let body) = result else { return }
            var reader = JuteReader(body)
            let names = (try? ZooKeeperClient.texts(&reader)) ?? []
            view = Dictionary(uniqueKeysWithValues: names.map { ("/\($0)", 1) }).filter { $0.key != "/zookeeper" }
        case .subscribe where isLost: subscribe()
        case .subscribe: for path in ClientSimulation.paths { look(path) }
        }
    }
}
