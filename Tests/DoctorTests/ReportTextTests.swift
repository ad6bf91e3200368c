import Testing

@testable import Doctor

@Suite("The report")
struct ReportTextTests {
    private static let findings = [
        Finding.ok("clock", "the clock is synchronised"),
        .error("ports", "port 5050 is taken", why: "it cannot listen", mend: "kill 7"),
    ]

    @Test("A finding is a line, and the last line counts them")
    func lines() {
        #expect(
            ReportText.lines(Self.findings, isColoured: false) == """
                ok       clock  the clock is synchronised
                error    ports  port 5050 is taken: it cannot listen. Mend: kill 7
                1 error, 0 warnings, 0 notes; 1 ok

                """)
    }

    @Test("Colours are for terminals")
    func colours() {
        #expect(ReportText.lines(Self.findings, isColoured: true).contains("\u{1B}[31merror  \u{1B}[0m  ports"))
    }

    @Test("What other programs wrote moves no cursor and starts no line")
    func control() {
        let finding = Finding.ok("units", "status\n\u{1B}[2Jerror\u{9B}2J")
        let text = ReportText.lines([finding], isColoured: false)
        #expect(text.hasPrefix("ok       units  status  [2Jerror 2J\n"))
    }

    @Test("JSON has the numbers and every field that a finding has")
    func json() {
        #expect(
            ReportText.json(Self.findings)
                == #"{"error":1,"warning":0,"note":0,"ok":1,"findings":["#
                + #"{"check":"clock","severity":"ok","what":"the clock is synchronised"},"#
                + #"{"check":"ports","severity":"error","what":"port 5050 is taken","why":"it cannot listen","#
                + #""mend":"kill 7"}]}"#)
    }
}
