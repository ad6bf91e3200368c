import JSONText
import MesosProtocol
import ServiceKit
import Testing

@testable import Marathon

@Suite("A master that is not heard of any more")
struct SilentMasterTests {
    private static let heartbeat = MarathonEvent.scheduler(.with { $0.type = .heartbeat })

    @Test("It is given up after five of the heartbeat intervals that it announced, once")
    func silence() {
        var marathon = TestMarathon()
        marathon.subscribed(heartbeats: 2, at: 0)
        marathon.handle(.tick, at: 9.9)
        #expect(!marathon.resubscribes)
        #expect(marathon.core.isConnected)
        marathon.handle(.tick, at: 10)
        #expect(marathon.resubscribes)
        #expect(!marathon.core.isConnected)
        for second in stride(from: 10.1, to: 100, by: 10) {
            marathon.handle(.tick, at: second)
            #expect(!marathon.resubscribes)
        }
    }

    @Test("Whatever is heard of it, a heartbeat too, starts the time anew", arguments: [true, false])
    func signs(isHeartbeat: Bool) {
        var marathon = TestMarathon()
        marathon.subscribed(heartbeats: 2, at: 0)
        for second in stride(from: 9.0, through: 90, by: 9) {
            marathon.handle(isHeartbeat ? Self.heartbeat : .scheduler(TestMarathon.offers), at: second)
            #expect(!marathon.resubscribes)
        }
        marathon.handle(.tick, at: 99.9)
        #expect(!marathon.resubscribes)
        marathon.handle(.tick, at: 100)
        #expect(marathon.resubscribes)
    }

    @Test("Without a word of the master the flags say how long is too long", arguments: [nil, 0, -1, .nan, .infinity])
    func configured(interval: Double?) {
        var marathon = TestMarathon {
            $0.heartbeatInterval = .seconds(3)
            $0.heartbeatThreshold = 2
        }
        marathon.subscribed(heartbeats: interval, at: 0)
        marathon.handle(.tick, at: 5.9)
        #expect(!marathon.resubscribes)
        marathon.handle(.tick, at: 6)
        #expect(marathon.resubscribes)
    }

    @Test("One that takes the connection and does not answer is given up too")
    func noAnswer() {
        var marathon = TestMarathon()
        marathon.handle(.subscribing, at: 0)
        marathon.handle(.tick, at: 74.9)
        #expect(!marathon.resubscribes)
        marathon.handle(.tick, at: 75)
        #expect(marathon.resubscribes)
    }

    @Test("Without a connection nothing is waited for")
    func disconnected() {
        var marathon = TestMarathon()
        marathon.subscribed(heartbeats: 2, at: 0)
        marathon.handle(.disconnected, at: 1)
        marathon.handle(.tick, at: 1000)
        #expect(!marathon.resubscribes)
    }

    @Test("What a connection that was given up still brings is not acted on; the next one is as good as the first")
    func afterwards() {
        var marathon = TestMarathon()
        marathon.subscribed(heartbeats: 2, at: 0)
        marathon.create(.members(["id": "/a", "cmd": "true", "portDefinitions": []]), at: 1)
        #expect(marathon.answers.map(\.status.code) == [201])
        marathon.handle(.tick, at: 10)
        #expect(marathon.resubscribes)
        marathon.handle(.scheduler(TestMarathon.offers), at: 10.1)
        #expect(marathon.core.instances.isEmpty)
        #expect(marathon.calls.isEmpty)
        marathon.handle(.disconnected, at: 10.2)
        marathon.subscribed(heartbeats: 2, at: 11)
        #expect(marathon.calls.map(\.type).contains(.reconcile))
        marathon.handle(.scheduler(TestMarathon.offers), at: 12)
        #expect(marathon.calls.map(\.type) == [.accept, .suppress])
        #expect(marathon.core.instances.count == 1)
    }
}
