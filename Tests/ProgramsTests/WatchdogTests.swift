import Foundation
import NIOPosix
import Synchronization
import Testing

@testable import Programs

@Suite("The watchdog")
struct WatchdogTests {
    private final class Beats: Sendable {
        let count = Atomic(0)
        func await(_ number: Int) async throws {
            let deadline = ContinuousClock.now + .seconds(10)
            while count.load(ordering: .relaxed) < number {
                try #require(ContinuousClock.now < deadline)
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    @Test("An event loop that hangs stops the beats, also when another one goes on")
    func hangingLoop() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let beats = Beats()
        let watchdog = try #require(
            Watchdog(group, every: .milliseconds(10)) { beats.count.add(1, ordering: .relaxed) })
        try await beats.await(2)
        let loops = Array(group.makeIterator())
        for loop in loops {
            let gate = Gate()
            loop.execute { gate.wait() }
            await gate.untilEntered()
            // One beat may have been under way.
            let before = beats.count.load(ordering: .relaxed)
            try await Task.sleep(for: .milliseconds(200))
            #expect(beats.count.load(ordering: .relaxed) <= before + 1)
            gate.open()
            try await beats.await(before + 3)
        }
        watchdog.stop()
        try await group.shutdownGracefully()
    }

    @Test("Without an interval there is none")
    func absent() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        #expect(Watchdog(group, every: nil).map { _ in true } == nil)
        try await group.shutdownGracefully()
    }
}

/// Holds a thread until it is opened.
private final class Gate: Sendable {
    private let isEntered = Atomic(false)
    private let isOpen = Atomic(false)

    func wait() {
        isEntered.store(true, ordering: .releasing)
        while !isOpen.load(ordering: .acquiring) { usleep(1000) }
    }

    func untilEntered() async {
        while !isEntered.load(ordering: .acquiring) { await Task.yield() }
    }

    func open() { isOpen.store(true, ordering: .releasing) }
}
