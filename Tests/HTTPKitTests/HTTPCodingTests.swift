import NIOHTTP1
import Testing

@testable import HTTPKit

@Suite("Percent and form coding")
struct HTTPCodingTests {
    @Test(
        "Percent escapes are decoded",
        arguments: [
            ("/a/b", "/a/b"), ("%2F", "/"), ("slave%281%29", "slave(1)"), ("%e2%82%ac", "€"), ("a+b", "a+b"), ("", ""),
        ])
    func decode(text: String, expected: String) {
        #expect(PercentCoding.decode(text) == expected)
    }

    @Test("Malformed escapes are refused", arguments: ["%", "%2", "%zz", "a%2", "%ff", "%c3%28"])
    func malformed(text: String) {
        #expect(PercentCoding.decode(text) == nil)
    }

    @Test("The digits of an escape have no sign", arguments: ["%+5", "%-0"])
    func signs(text: String) {
        #expect(PercentCoding.decode(text) == nil)
    }

    @Test(
        "All but unreserved characters are escaped",
        arguments: [
            ("aZ09-._~", "aZ09-._~"), ("a b/c", "a%20b%2Fc"), ("€", "%E2%82%AC"), ("\n", "%0A"), ("é", "%C3%A9"),
        ])
    func encode(text: String, expected: String) {
        #expect(PercentCoding.encode(text) == expected)
        #expect(PercentCoding.decode(expected) == text)
    }

    @Test("Characters may be excepted from escaping")
    func encodeAllowed() {
        #expect(PercentCoding.encode("/a b:c", allowed: "/:") == "/a%20b:c")
    }

    @Test("Every byte survives escaping")
    func everyByte() throws {
        for value in UInt32(0)...0x2ff {
            let text = String(Character(try #require(Unicode.Scalar(value))))
            try #require(PercentCoding.decode(PercentCoding.encode(text)) == text)
        }
    }

    @Test("Forms are names and values in order")
    func form() {
        let decoded = FormCoding.decode("a=b&c=d%20e+f&g&=h&&a=x%3Dy=z&bad=%zz")
        #expect(decoded.map(\.name) == ["a", "c", "g", "", "a", "bad"])
        #expect(decoded.map(\.value) == ["b", "d e f", "", "h", "x=y=z", "%zz"])
        #expect(FormCoding.decode("").isEmpty)
    }

    @Test("A request's path and query are taken apart")
    func request() {
        let request = HTTPRequest(method: .GET, uri: "/slave%281%29/state?a=1&b=%20&a=2?3", headers: ["X": "y"])
        #expect(request.path == "/slave(1)/state")
        #expect(request.rawPath == "/slave%281%29/state")
        #expect(request.rawQuery == "a=1&b=%20&a=2?3")
        #expect(request.parameter("a") == "1")
        #expect(request.parameter("b") == " ")
        #expect(request.parameter("c") == nil)
        #expect(request.query.count == 3)
    }

    @Test("A malformed path stays as it is, and a query may be absent or empty")
    func oddRequests() {
        #expect(HTTPRequest(method: .GET, uri: "/%zz").path == "/%zz")
        #expect(HTTPRequest(method: .GET, uri: "/").rawQuery == nil)
        #expect(HTTPRequest(method: .GET, uri: "/?").rawQuery?.isEmpty == true)
        #expect(HTTPRequest(method: .GET, uri: "").path.isEmpty)
    }

    @Test("A body is read as a form")
    func bodyForm() {
        let request = HTTPRequest(method: .POST, uri: "/", body: Array("frameworkId=f-0000&x=+".utf8))
        #expect(request.form.map(\.value) == ["f-0000", " "])
    }

    @Test("Answers carry their type; a wrong method is answered in Mesos's words")
    func responses() {
        #expect(HTTPResponse.text(.badRequest, "no").headers["Content-Type"] == ["text/plain; charset=utf-8"])
        #expect(HTTPResponse.json(.ok, .members(["a": 1])).body == Array(#"{"a":1}"#.utf8))
        let refusal = HTTPResponse.methodNotAllowed(.PUT, allowed: ["GET", "POST"])
        #expect(refusal.headers["Allow"] == ["GET, POST"])
        #expect(
            String(decoding: refusal.body, as: UTF8.self)
                == "405 Method Not Allowed. Expecting one of { 'GET', 'POST' }, but received 'PUT'.")
    }
}
