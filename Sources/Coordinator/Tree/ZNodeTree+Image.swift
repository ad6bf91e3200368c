import ZooKeeperProtocol

/// A tree as it was at one moment: made at once, as it shares the pages of the tree that goes on changing.
struct ZNodeTreeImage: Sendable {
    let table: ZNodeTable
    let acls: ACLTable
    let count: Int

    /// Visits every node after its parent; the root has depth 0.
    func forEach<E: Error>(_ visit: (_ depth: Int32, ZNodeView) throws(E) -> Void) throws(E) {
        var node = ZNodeTree.root
        var depth: Int32 = 0
        while true {
            let view = table.view(node)
            try visit(depth, view)
            if view.details.firstChild != ZNodeRecord.none {
                node = view.details.firstChild
                depth += 1
                continue
            }
            while node != ZNodeTree.root, isLast(node) {
                node = table[node].parent
                depth -= 1
            }
            if node == ZNodeTree.root { return }
            node = table[node].nextSibling
        }
    }

    private func isLast(_ node: ZNodeIndex) -> Bool {
        table[node].nextSibling == table.details(of: table[node].parent).firstChild
    }
}

extension ZNodeTree {
    var image: ZNodeTreeImage { ZNodeTreeImage(table: table.image, acls: acls, count: count) }
}
