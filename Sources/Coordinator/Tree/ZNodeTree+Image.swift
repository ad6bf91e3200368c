import ZooKeeperProtocol

/// A tree as it was at one moment: made at once, as it shares the pages of the tree that goes on changing.
struct ZNodeTreeImage: Sendable {
    let pages: [[ZNodeRecord]]
    let acls: ACLTable
    let count: Int

    subscript(index: ZNodeIndex) -> ZNodeRecord {
        _read { yield pages[Int(index >> ZNodeTree.pageBits)][Int(index & (ZNodeTree.pageSize - 1))] }
    }

    /// Visits every node after its parent; the root has depth 0.
    func forEach<E: Error>(_ visit: (_ depth: Int32, ZNodeRecord) throws(E) -> Void) throws(E) {
        var node = ZNodeTree.root
        var depth: Int32 = 0
        while true {
            try visit(depth, self[node])
            if self[node].firstChild != ZNodeRecord.none {
                node = self[node].firstChild
                depth += 1
                continue
            }
            while node != ZNodeTree.root, self[node].nextSibling == self[self[node].parent].firstChild {
                node = self[node].parent
                depth -= 1
            }
            if node == ZNodeTree.root { return }
            node = self[node].nextSibling
        }
    }
}

extension ZNodeTree {
    var image: ZNodeTreeImage { ZNodeTreeImage(pages: pages, acls: acls, count: count) }
}
