import CLinux
import HTTPKit
import JSONText
import NIOHTTP1
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Reads files of sandboxes for clients. No path and no link leads out of a sandbox: the kernel sees to it.
struct SandboxFiles: Sendable {
    /// More is not read at once; clients ask again.
    private static let maximumRead = 65_536
    private static let maximumDownload = 256 << 20

    /// Sandboxes by the paths they are known by.
    let roots: [String: String]

    private func open(_ path: String, _ flags: Int32) -> Int32 {
        guard let root = roots.keys.filter({ path == $0 || path.hasPrefix($0 + "/") }).max(by: { $0.count < $1.count }),
            let real = roots[root]
        else { return -ENOENT }
        let rest = path.dropFirst(root.count).drop { $0 == "/" }
        return clinux_open_beneath(real, String(rest), flags)
    }

    private static let missing = HTTPResponse.text(.notFound, "")

    func browse(_ path: String, _ request: HTTPRequest) -> HTTPResponse {
        let directory = open(path, O_RDONLY | O_DIRECTORY)
        guard directory >= 0 else { return Self.missing }
        defer { close(directory) }
        var writer = JSONWriter()
        writer.beginArray()
        for name in SmallFile.names(in: "/proc/self/fd/\(directory)").sorted() {
            var status = stat()
            guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            writer.fileObject("\(path)/\(name)", status)
        }
        writer.endArray()
        return AgentPages.json(writer.bytes, request)
    }

    func read(_ path: String, _ request: HTTPRequest) -> HTTPResponse {
        let offset = request.parameter("offset").flatMap { Int($0) } ?? -1
        let length = request.parameter("length").flatMap { Int($0) } ?? -1
        if length < -1 { return .text(.badRequest, "Negative length provided: \(length)") }
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return Self.missing }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .text(.badRequest, "Cannot read a directory.")
        }
        var writer = JSONWriter()
        writer.beginObject()
        if offset < 0 {
            writer.field("data", "")
            writer.field("offset", Int(status.st_size))
        } else {
            let wanted = length < 0 ? Self.maximumRead : min(length, Self.maximumRead)
            writer.field("data", String(decoding: Self.bytes(file, offset, wanted), as: UTF8.self))
            writer.field("offset", offset)
        }
        writer.endObject()
        return AgentPages.json(writer.bytes, request)
    }

    func download(_ path: String) -> HTTPResponse {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return .text(.notFound, "404 Not Found.") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .text(.badRequest, "Cannot download a directory.")
        }
        guard status.st_size <= Self.maximumDownload else {
            return .text(.payloadTooLarge, "The file is larger than \(Self.maximumDownload) bytes: read it in parts")
        }
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let safe = String(name.unicodeScalars.filter { $0.value >= 0x20 && $0 != "\"" && $0.isASCII })
        return HTTPResponse(
            .ok,
            headers: [
                "Content-Disposition": "attachment; filename=\(safe)", "Content-Type": "application/octet-stream",
            ],
            body: Self.bytes(file, 0, Int(status.st_size)))
    }

    private static func bytes(_ file: Int32, _ offset: Int, _ length: Int) -> [UInt8] {
        var content = [UInt8](repeating: 0, count: length)
        var done = 0
        while done < length {
            let count = content[done...].withUnsafeMutableBytes {
                pread(file, $0.baseAddress, $0.count, off_t(offset + done))
            }
            if count <= 0 { break }
            done += count
        }
        return Array(content.prefix(done))
    }
}

extension JSONWriter {
    fileprivate mutating func fileObject(_ path: String, _ status: stat) {
        beginObject()
        field("gid", AccountNames.group(status.st_gid))
        field("mode", Self.mode(status.st_mode))
        field("mtime", Double(status.st_mtim.tv_sec))
        field("nlink", Int(status.st_nlink))
        field("path", path)
        field("size", Int(status.st_size))
        field("uid", AccountNames.user(status.st_uid))
        endObject()
    }

    private static func mode(_ mode: mode_t) -> String {
        let kind =
            switch mode & S_IFMT {
            case S_IFDIR: "d"
            case S_IFLNK: "l"
            default: "-"
            }
        let letters = ["r", "w", "x", "r", "w", "x", "r", "w", "x"]
        let bits = letters.enumerated().map { mode & (0o400 >> mode_t($0.offset)) != 0 ? $0.element : "-" }
        return kind + bits.joined()
    }
}

/// Names of users and groups; the number where there is none.
private enum AccountNames {
    static func user(_ uid: uid_t) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return String(uid) }
        return String(cString: entry.pw_name)
    }

    static func group(_ gid: gid_t) -> String {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getgrgid_r(gid, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return String(gid) }
        return String(cString: entry.gr_name)
    }
}
