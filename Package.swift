// swift-tools-version: 6.1
import PackageDescription

/// Warnings are errors in our own targets when CI says so; dependencies keep their own settings.
let strict: [SwiftSetting] =
    Context.environment["WARNINGS_AS_ERRORS"] == nil ? [] : [.unsafeFlags(["-warnings-as-errors"])]

/// Web pages are part of the program that serves them: each file of a `Web` folder becomes bytes in its binary.
func library(
    _ name: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = [],
    web: [String] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, exclude: exclude,
        resources: web.map { .embedInCode("Web/\($0)") }, swiftSettings: strict)
}

func test(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
    name: "swift-mesos",
    products: [.executable(name: "mesos-programs", targets: ["Programs"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.0", traits: []),
    ],
    targets: [
        .systemLibrary(
            name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),
        library("TransportSecurity", ["COpenSSL", nioCore]),
        library("JSONText", []),
        library("ServiceKit", ["JSONText", "CSystemd", "CLinux", logging]),
        library(
            "HTTPKit", ["JSONText", nioCore, nioPosix, nioHTTP1, logging], web: ["page.js", "style.css", "icon.svg"]),
        library("MesosProtocol", ["JSONText"], exclude: ["Schema"]),
        library("Libprocess", ["MesosProtocol", "HTTPKit", nioCore, nioPosix, nioHTTP1]),
        library("ZooKeeperProtocol", []),
        library(
            "ZooKeeperClient",
            ["ZooKeeperProtocol", "ServiceKit", "TransportSecurity", nioCore, nioPosix, logging, collections]),
        library(
            "Coordinator",
            [
                "ZooKeeperProtocol", "ServiceKit", "JSONText", "HTTPKit", "CLinux", "COpenSSL", "TransportSecurity",
                nioCore, nioPosix,
                logging, collections,
            ]),
        library("Resources", ["MesosProtocol", "JSONText"]),
        library("Allocator", ["Resources", "MesosProtocol", "ServiceKit"]),
        library(
            "Master",
            [
                "Allocator", "Resources", "MesosProtocol", "Libprocess", "HTTPKit", "JSONText", "ServiceKit",
                "ZooKeeperClient", logging, nioCore, nioPosix, nioHTTP1,
            ], web: ["index.html", "master.js"]),
        library("Containerizer", ["MesosProtocol", "CLinux", "JSONText", logging]),
        library(
            "ProcessContainerizer", ["Containerizer", "MesosProtocol"], path: "Plugins/ProcessContainerizer"),
        library(
            "NativeContainerizer", ["Containerizer", "MesosProtocol", logging], path: "Plugins/NativeContainerizer"),
        library(
            "DockerContainerizer", ["Containerizer", "MesosProtocol", "JSONText", subprocess],
            path: "Plugins/DockerContainerizer"),
        library(
            "Agent",
            [
                "Containerizer", "Resources", "MesosProtocol", "Libprocess", "HTTPKit", "JSONText", "ServiceKit",
                "ZooKeeperClient", "CLinux", logging, nioCore, nioPosix, nioHTTP1,
            ]),
        library(
            "Marathon",
            [
                "MesosProtocol", "Resources", "HTTPKit", "JSONText", "ServiceKit", "ZooKeeperClient",
                "ZooKeeperProtocol", logging, nioCore, nioPosix, nioHTTP1,
            ], web: ["index.html", "marathon.js", "dialogs.js", "marathon.css"]),
        library(
            "Doctor", ["ServiceKit", "JSONText", "CLinux", "Containerizer", "ZooKeeperClient", "ZooKeeperProtocol"]),
        .executableTarget(
            name: "Programs",
            dependencies: [
                "Coordinator", "Master", "Agent", "Marathon", "Doctor", "Containerizer", "ProcessContainerizer",
                "DockerContainerizer",
                "NativeContainerizer", "ServiceKit", "HTTPKit", "JSONText", "ZooKeeperClient", "TransportSecurity",
                "CLinux", logging, nioCore, nioPosix, nioHTTP1,
            ],
            swiftSettings: strict),
        test("ProgramsTests", ["Programs", "ServiceKit", nioCore, nioPosix]),
        test(
            "ContainerizerTests",
            ["Containerizer", "NativeContainerizer", "DockerContainerizer", "MesosProtocol", "CLinux", "ServiceKit"]),
        test("JSONTextTests", ["JSONText", "ServiceKit"]),
        test("ServiceKitTests", ["ServiceKit"]),
        test("HTTPKitTests", ["HTTPKit", "ServiceKit", "JSONText", nioCore, nioPosix, nioHTTP1]),
        test("MesosProtocolTests", ["MesosProtocol", "JSONText", "ServiceKit"]),
        test("LibprocessTests", ["Libprocess", "MesosProtocol", "HTTPKit", nioCore, nioPosix, nioHTTP1]),
        test("ZooKeeperProtocolTests", ["ZooKeeperProtocol", "ServiceKit"]),
        test("TransportSecurityTests", ["TransportSecurity"]),
        test(
            "ZooKeeperClientTests",
            ["ZooKeeperClient", "ZooKeeperProtocol", "Coordinator", "ServiceKit", nioCore, nioPosix]),
        test("CoordinatorTests", ["Coordinator", "ZooKeeperProtocol", "ServiceKit"]),
        test("ResourcesTests", ["Resources", "MesosProtocol", "JSONText"]),
        test("AllocatorTests", ["Allocator", "Resources", "MesosProtocol", "ServiceKit"]),
        test(
            "MasterTests",
            [
                "Master", "Allocator", "Resources", "MesosProtocol", "Libprocess", "HTTPKit", "ServiceKit", nioHTTP1,
            ]),
        test(
            "AgentTests",
            ["Agent", "Containerizer", "Resources", "MesosProtocol", "Libprocess", "HTTPKit", "ServiceKit", nioHTTP1]),
        test("DoctorTests", ["Doctor", "ServiceKit", "JSONText"]),
        test("MarathonTests", ["Marathon", "MesosProtocol", "HTTPKit", "JSONText", "ServiceKit", nioHTTP1]),
        test(
            "SimulationTests",
            [
                "Master", "Agent", "Allocator", "Containerizer", "Resources", "MesosProtocol", "Libprocess", "HTTPKit",
                "ServiceKit", nioHTTP1,
            ]),
    ],
    swiftLanguageModes: [.v6]
)
