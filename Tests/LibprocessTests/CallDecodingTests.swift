import HTTPKit
import MesosProtocol
import NIOHTTP1
import Testing

@testable import Libprocess

@Suite("Reading calls of the v1 APIs")
struct CallDecodingTests {
    private func decode(_ text: String, type: String = "application/json") -> Result<
        SchedulerAPI.Call, CallDecoding.Refusal
    > {
        CallDecoding.decode(SchedulerAPI.Call.self, type: type, body: Array(text.utf8))
    }

    private func refusal(_ result: Result<SchedulerAPI.Call, CallDecoding.Refusal>) -> String? {
        guard case .failure(let refusal) = result else { return nil }
        return "\(refusal.response.status.code) " + String(decoding: refusal.response.body, as: UTF8.self)
    }

    @Test("A call is read from JSON and from protobuf")
    func decoded() throws {
        let call = try decode(#"{"type":"REVIVE","framework_id":{"value":"f"}}"#).get()
        #expect(call.type == .revive)
        let same = CallDecoding.decode(SchedulerAPI.Call.self, type: "application/x-protobuf", body: call.protobuf)
        #expect(try same.get() == call)
    }

    @Test(
        "A refusal has the status and the words of Mesos 1.11.0",
        arguments: [
            ("{nope", "400 Failed to parse body into JSON: syntax error at line 1 near: nope"),
            ("", "400 Failed to parse body into JSON: syntax error at line 1 near: "),
            ("[]", "400 Failed to convert JSON into Call protobuf: Expecting a JSON object"),
            (
                #"{"type": "SUBSCRIBE", "subscribe": "x"}"#,
                "400 Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'subscribe'"
            ),
        ])
    func refused(body: String, expected: String) {
        #expect(refusal(decode(body)) == expected)
    }

    @Test("Bytes that are no protobuf are refused")
    func badProtobuf() {
        #expect(
            refusal(decode("nope", type: "application/x-protobuf")) == "400 Failed to parse body into Call protobuf")
    }

    @Test(
        "Other content types are refused, to the letter",
        arguments: ["text/plain", "application/json; charset=utf-8", "Application/JSON", ""])
    func contentType(type: String) {
        #expect(
            refusal(decode("{}", type: type))
                == "415 Expecting 'Content-Type' of application/json or application/x-protobuf")
    }

    @Test(
        "The answer is JSON unless only protobuf is accepted",
        arguments: [
            ([], true), ([";"], nil), ([""], true), (["application/json"], true), (["application/x-protobuf"], false),
            (["*/*"], true),
            (["text/html"], nil), (["text/html, application/json;q=0.5"], true),
            (["application/x-protobuf", "application/json"], true),
        ] as [([String], Bool?)])
    func accept(values: [String], expected: Bool?) {
        #expect(CallDecoding.acceptsJSON(HTTPHeaders(values.map { ("Accept", $0) })) == expected)
    }
}
