import ServiceKit
import ZooKeeperProtocol

@testable import Coordinator

/// A node as tests look at it.
struct ZNode: Equatable {
    let data: [UInt8]?
    let acl: [ACL]
    let stat: Stat
    let kind: ZNodeKind
    let createdChildren: Int32
    let children: Set<ZNodeName>

    var owner: Int64 { stat.ephemeralOwner }
}

extension ZNodeTree {
    subscript(path: String) -> ZNode? { find(path).map(node) }

    private func node(_ index: ZNodeIndex) -> ZNode {
        var children: Set<ZNodeName> = []
        forEachChild(of: index) { children.insert(ZNodeName(self[$0].content?.name ?? "")) }
        return ZNode(
            data: self[index].content?.data, acl: acl(of: index), stat: self[index].stat, kind: self[index].kind,
            createdChildren: self[index].createdChildren, children: children)
    }

    /// All nodes by their paths.
    var nodes: [ZNodeName: ZNode] {
        var nodes: [ZNodeName: ZNode] = [:]
        var open = [ZNodeTree.root]
        while let index = open.popLast() {
            nodes[ZNodeName(path(of: index))] = node(index)
            forEachChild(of: index) { open.append($0) }
        }
        return nodes
    }

    var ephemeralPaths: [Int64: Set<ZNodeName>] {
        ephemerals.mapValues { Set($0.map { ZNodeName(path(of: $0)) }) }
    }
}
