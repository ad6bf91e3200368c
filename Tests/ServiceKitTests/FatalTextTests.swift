import Testing

@testable import ServiceKit

@Suite("The reason that a program ends with")
struct FatalTextTests {
    @Test("Each line has the priority of an error in the journal, and none elsewhere")
    func priority() {
        #expect(ServiceLog.fatalText("one\ntwo", toJournal: true) == "<3>one\n<3>two")
        #expect(ServiceLog.fatalText("one\ntwo", toJournal: false) == "one\ntwo")
    }
}
