import Testing

@testable import ServiceKit

@Suite("What is not shown")
struct RedactionTests {
    @Test("Users and passwords of ZooKeeper are left out, everything else is as it was")
    func credentials() {
        #expect(
            Redaction.credentials(in: "zk://user:secret@a:2181,b:2181/mesos")
                == "zk://xxxxxxxx:xxxxxxxx@a:2181,b:2181/mesos")
        #expect(Redaction.credentials(in: "zk://user:p@ss@a/x@y") == "zk://xxxxxxxx:xxxxxxxx@a/x@y")
        for text in ["zk://a:2181/mesos", "zk://a/x@y", "10.0.0.1:5050", "user@example.org", ""] {
            #expect(Redaction.credentials(in: text) == text)
        }
    }
}
