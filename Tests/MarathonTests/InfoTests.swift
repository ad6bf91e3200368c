import Testing

@testable import Marathon

@Suite("What GET /v2/info tells")
struct InfoTests {
    @Test("Users and passwords of ZooKeeper are not shown")
    func redacted() {
        #expect(
            MarathonService.redacted("zk://user:secret@a:2181,b:2181/mesos")
                == "zk://xxxxxxxx:xxxxxxxx@a:2181,b:2181/mesos")
        #expect(MarathonService.redacted("zk://a:2181/mesos") == "zk://a:2181/mesos")
        #expect(MarathonService.redacted("10.0.0.1:5050") == "10.0.0.1:5050")
    }
}
