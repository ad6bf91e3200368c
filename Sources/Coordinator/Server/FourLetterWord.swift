/// The commands that are sent raw on the client port (ZooKeeper administrator's guide, "The Four Letter Words").
enum FourLetterWord: String, CaseIterable {
    case conf, cons, crst, dirs, dump, envi, gtmk, hash, isro, mntr, ruok, srst, srvr, stat, wchc, wchp, wchs
    case stmk

    /// The ZooKeeper whose protocol this server speaks; clients choose features by it.
    static let version = "3.8.0-swift-mesos"
}
