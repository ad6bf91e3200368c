import Testing

@testable import TransportSecurity

/// Apache ZooKeeper's own names for certificates of the same kinds are compared by the system tests of TLS.
@Suite("Names of certificates (RFC 2253)")
struct DistinguishedNameTests {
    private func attribute(_ type: String, _ text: String?, set: Int, encoded: String = "#0c0141")
        -> DistinguishedName.Attribute
    {
        .init(type: type, text: text, encoded: encoded, set: set)
    }

    @Test("The most specific part comes first, parts of one set are joined")
    func order() {
        let name = DistinguishedName([
            attribute("2.5.4.10", "Example", set: 0), attribute("2.5.4.3", "worker", set: 1),
            attribute("0.9.2342.19200300.100.1.1", "me", set: 1),
        ])
        #expect(name.description == "CN=worker+UID=me,O=Example")
    }

    @Test(
        "What separates parts, and spaces at the ends, are escaped",
        arguments: [
            ("a, b", "CN=a\\, b"), (" a ", "CN=\\ a\\ "), ("#a", "CN=\\#a"), ("a\\b\"c", "CN=a\\\\b\\\"c"),
            ("ü", "CN=ü"), ("   ", "CN=\\ \\ \\ "), ("", "CN="),
        ])
    func escapes(text: String, expected: String) {
        #expect(DistinguishedName([attribute("2.5.4.3", text, set: 0)]).description == expected)
    }

    @Test("Types without a keyword, and values that are no text, are numbers")
    func numbers() {
        let name = DistinguishedName([
            attribute("1.2.840.113549.1.9.1", "me@example.org", set: 0, encoded: "#1601"),
            attribute("2.5.4.3", nil, set: 1, encoded: "#0301"),
        ])
        #expect(name.description == "CN=#0301,1.2.840.113549.1.9.1=#1601")
    }
}
