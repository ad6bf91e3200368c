import JSONText
import Testing

@testable import MesosProtocol

@Suite("Why JSON is no message, in Mesos's words")
struct ProtoJSONErrorTests {
    private func complaint<M: ProtoMessage>(_ type: M.Type, _ text: String) -> String? {
        do {
            _ = try M(jsonText: text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("A message is an object", arguments: ["[]", #""x""#, "1", "null", "true"])
    func noObject(text: String) {
        #expect(complaint(SchedulerAPI.Call.self, text) == "Expecting a JSON object")
    }

    @Test(
        "A field of the wrong kind is named with the kind found",
        arguments: [
            (#"{"subscribe":"x"}"#, "string", "subscribe"), (#"{"subscribe":[]}"#, "array", "subscribe"),
            (#"{"subscribe":1}"#, "number", "subscribe"), (#"{"subscribe":true}"#, "boolean", "subscribe"),
            (#"{"type":{}}"#, "object", "type"), (#"{"framework_id":{"value":1}}"#, "number", "value"),
            (#"{"accept":{"offer_ids":{}}}"#, "object", "offer_ids"),
            (#"{"accept":{"offer_ids":["x"]}}"#, "string", "offer_ids"),
            (#"{"accept":{"filters":{"refuse_seconds":"x"}}}"#, "string", "refuse_seconds"),
            (#"{"suppress":{"roles":[1]}}"#, "number", "roles"),
        ])
    func wrongKind(text: String, kind: String, field: String) {
        #expect(complaint(SchedulerAPI.Call.self, text) == "Not expecting a JSON \(kind) for field '\(field)'")
    }

    @Test("The number of an enum value is not taken for its name")
    func numericEnum() {
        #expect(complaint(SchedulerAPI.Call.self, #"{"type":1}"#) == "Not expecting a JSON number for field 'type'")
    }

    @Test("Missing required fields are listed")
    func missing() {
        #expect(complaint(Mesos.TaskInfo.self, #"{"name":"n"}"#) == "Missing required fields: task_id, agent_id")
        #expect(
            complaint(Mesos.TaskInfo.self, #"{"name":null,"task_id":{"value":"t"},"agent_id":{"value":"a"}}"#) != nil)
    }

    @Test(
        "Missing required fields inside are named with their path",
        arguments: [
            (#"{"subscribe":{}}"#, "subscribe.framework_info"),
            (#"{"subscribe":{"framework_info":{"name":"n"}}}"#, "subscribe.framework_info.user"),
            (#"{"acknowledge_operation_status":{"uuid":"AAAA"}}"#, "acknowledge_operation_status.operation_id"),
        ])
    func missingInside(text: String, path: String) {
        #expect(complaint(SchedulerAPI.Call.self, text) == "Missing required fields: \(path)")
    }

    @Test("A required enum needs a known name")
    func requiredEnum() {
        let text = #"{"task_id":{"value":"t"},"state":"TASK_ODD"}"#
        #expect(complaint(Mesos.TaskStatus.self, text)?.contains("TASK_ODD") == true)
    }

    @Test("Numbers out of their type's range are refused", arguments: ["-1", "4294967296", "1e30", #""x""#, #""-1""#])
    func range(number: String) {
        #expect(complaint(Mesos.NetworkInfo.PortMapping.self, #"{"host_port":\#(number),"container_port":1}"#) != nil)
    }

    @Test("Bytes must be base64")
    func base64() {
        let text = #"{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"!"}"#
        let expected = "Failed to base64 decode bytes field 'uuid'"
        #expect(complaint(SchedulerAPI.Call.Acknowledge.self, text) == expected)
    }
}
