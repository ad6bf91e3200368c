import HTTPKit

extension MarathonService {
    /// The root of this server as a client named it.
    func baseURL(_ request: HTTPRequest) -> String {
        let host = request.headers.first(name: "Host") ?? ""
        guard host.wholeMatch(of: #/[A-Za-z0-9._\-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?/#) != nil else {
            return "http://\(ownAddress)"
        }
        return "http://\(host.hasSuffix(":80") ? host.dropLast(3) : host[...])"
    }
}

extension HTTPResponse {
    /// With a whole URL as its `Location` instead of a path, which old clients do not understand.
    func withLocation(below base: String) -> HTTPResponse {
        guard let path = headers.first(name: "Location"), path.hasPrefix("/") else { return self }
        var response = self
        response.headers.replaceOrAdd(name: "Location", value: base + path)
        return response
    }
}
