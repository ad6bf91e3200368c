import HTTPKit
import JSONText
import NIOHTTP1

extension MarathonService {
    /// GET `/v2/leader`
    func shownLeader() throws(APIError) -> HTTPResponse {
        guard let leader else { throw .message(404, "There is no leader") }
        return .json(.ok, .members(["leader": .string(leader)]))
    }

    /// DELETE `/v2/leader`
    func abdication(_ request: HTTPRequest) throws(APIError) -> HTTPResponse {
        for name in ["backup", "restore"] {
            guard let uri = request.parameter(name) else { continue }
            guard Self.isStorage(uri) else { throw .invalid("/", "Invalid URI or unsupported scheme: \(uri)") }
            throw .invalid("/", "\(name) is not supported by this version")
        }
        abdicate()
        return .json(.ok, .members(["message": "Leadership abdicated", "details": []]))
    }

    /// A file or an S3 object, as the original takes them.
    private static func isStorage(_ uri: String) -> Bool {
        uri.wholeMatch(of: #/file:(//[^/]*/|/(?!/)).+/#) != nil || uri.wholeMatch(of: #/s3://[^/]+/.*/#) != nil
    }
}
