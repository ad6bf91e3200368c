import CLinux
import Foundation
import Testing

@testable import Containerizer

@Suite("Processes that cannot be mistaken for others")
struct ProcessIdentityTests {
    private static let own = "\(getpid()) \(clinux_start_time(getpid()))"

    @Test("A process of this boot is alive; one of another boot is not, and is not waited for")
    func boots() async throws {
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        #expect(ProcessIdentity("\(Self.own) \(boot)")?.isAlive == true)
        let former = try #require(ProcessIdentity("\(Self.own) 11111111-2222-3333-4444-555555555555\n"))
        #expect(!former.isAlive)
        await ProcessWatcher.shared.wait(for: former)
    }

    @Test("Where boots have no names pid and start time have to do; anything else is no identity")
    func forms() {
        #expect(ProcessIdentity("\(Self.own)\n")?.isAlive == true)
        for text in ["", "1", "1 2 3 4", "x 2 boot", "1 x boot"] { #expect(ProcessIdentity(text) == nil) }
    }
}
