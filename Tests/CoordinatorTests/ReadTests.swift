import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Reads")
struct ReadTests {
    @Test("All children are counted; the empty path is the root, which counts itself", arguments: [("/", 5), ("", 6)])
    func allChildren(path: String, count: Int32) throws {
        var server = TestCoordinator()
        try server.connect(1)
        for node in ["/a", "/a/b"] { try server.create(node) }
        var reader = try server.request(1, .getAllChildrenNumber) { $0.string(path) }
        #expect(try reader.int() == count)
        var below = try server.request(1, .getAllChildrenNumber) { $0.string("/a") }
        #expect(try below.int() == 1)
    }
}
