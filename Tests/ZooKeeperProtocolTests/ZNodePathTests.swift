import Testing

@testable import ZooKeeperProtocol

@Suite("Paths of nodes (reference, 12)")
struct ZNodePathTests {
    @Test(
        "A node may have these paths",
        arguments: [
            "/", "/a", "/a/b", "/a b", "/é", "/...", "/.a", "/a.", "/a..b", "/\u{20}", "/a/b/c-0000000001", "/%2F",
        ])
    func valid(path: String) {
        #expect(ZNodePath.isValid(path))
    }

    @Test(
        "A node may not have these paths",
        arguments: [
            "", "a", "a/b", "//", "/a/", "/a//b", "//a", "/.", "/..", "/a/.", "/a/..", "/a/./b", "/a/../b", "/\u{0}",
            "/\u{1}", "/a\u{1f}", "/\u{7f}", "/\u{9f}", "/\u{e000}", "/\u{f8ff}", "/\u{fff0}", "/\u{ffff}", "/😀",
        ])
    func invalid(path: String) {
        #expect(!ZNodePath.isValid(path))
    }

    @Test("Parents, names and children")
    func parts() {
        #expect(ZNodePath.parent(of: "/a/b") == "/a")
        #expect(ZNodePath.parent(of: "/a") == "/")
        #expect(ZNodePath.parent(of: "/") == nil)
        #expect(ZNodePath.parent(of: "a") == nil)
        #expect(ZNodePath.name(of: "/a/b") == "b")
        #expect(ZNodePath.name(of: "/a") == "a")
        #expect(ZNodePath.child("b", of: "/a") == "/a/b")
        #expect(ZNodePath.child("a", of: "/") == "/a")
    }

    @Test("Names are compared by their bytes, though they may look the same")
    func bytes() {
        #expect(ZNodeName("/é") != ZNodeName("/e\u{301}"))
        #expect(Set([ZNodeName("/é"), ZNodeName("/e\u{301}"), ZNodeName("/é")]).count == 2)
        #expect(["/b", "/é", "/a", "/"].map(ZNodeName.init).sorted().map(\.text) == ["/", "/a", "/b", "/é"])
    }

    @Test("A mark that combines with a slash leaves it a slash")
    func combiningMark() {
        let path = "/a/\u{301}b"
        #expect(ZNodePath.isValid(path))
        #expect(ZNodePath.parent(of: path) == "/a")
        #expect(Array(ZNodePath.name(of: path).utf8) == Array("\u{301}b".utf8))
        #expect(!ZNodePath.isValid("\u{301}/a"))
    }

    @Test(
        "A sequence number has ten places, also when the counter ran over",
        arguments: [
            (0, "0000000000"), (42, "0000000042"), (.max, "2147483647"), (-1, "-000000001"), (.min, "-2147483648"),
        ] as [(Int32, String)])
    func sequence(number: Int32, expected: String) {
        #expect(ZNodePath.sequenceSuffix(number) == expected)
    }
}
