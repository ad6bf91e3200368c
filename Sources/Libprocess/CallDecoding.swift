import HTTPKit
import JSONText
import MesosProtocol
import NIOHTTP1

/// Reads the calls of the v1 APIs; refusals have Mesos's status codes and words.
public enum CallDecoding {
    /// A refused call.
    public struct Refusal: Error, Sendable {
        public let response: HTTPResponse
    }

    /// The content type must be one of the two, to the letter.
    public static func decode<M: ProtoMessage>(
        _ type: M.Type, type contentType: String, body: [UInt8]
    ) -> Result<M, Refusal> {
        let name = M.messageName.split(separator: ".").last.map(String.init) ?? ""
        switch contentType {
        case "application/json": return decodeJSON(type, name, body)
        case "application/x-protobuf":
            guard let call = try? M(protobuf: body) else {  // Mesos does not say why either.
                return refuse("Failed to parse body into \(name) protobuf")
            }
            return .success(call)
        default:
            let text = "Expecting 'Content-Type' of application/json or application/x-protobuf"
            return .failure(Refusal(response: .text(.unsupportedMediaType, text)))
        }
    }

    private static func decodeJSON<M: ProtoMessage>(_ type: M.Type, _ name: String, _ body: [UInt8]) -> Result<
        M, Refusal
    > {
        let json: JSON
        do {
            json = try JSON(parsing: body)
        } catch {
            return refuse("Failed to parse body into JSON: syntax error at line 1 near: " + near(body, error.offset))
        }
        do {
            return .success(try M(json: json))
        } catch {
            return refuse("Failed to convert JSON into \(name) protobuf: \(error)")
        }
    }

    /// A little of the text from where it went wrong.
    private static func near(_ body: [UInt8], _ offset: Int) -> String {
        String(decoding: body.dropFirst(offset).prefix(64), as: UTF8.self)
    }

    private static func refuse<M>(_ text: String) -> Result<M, Refusal> {
        .failure(Refusal(response: .text(.badRequest, text)))
    }

    /// Whether to answer in JSON, which is preferred; nil when neither form is accepted.
    public static func acceptsJSON(_ headers: HTTPHeaders) -> Bool? {
        let accepted = headers[canonicalForm: "Accept"].map { $0.prefix { $0 != ";" } }
        if accepted.isEmpty { return true }
        func accepts(_ type: String) -> Bool {
            accepted.contains { $0 == type || $0 == "*/*" || $0 == "application/*" }
        }
        if accepts("application/json") { return true }
        return accepts("application/x-protobuf") ? false : nil
    }
}
