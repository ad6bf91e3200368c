import JSONText
import MesosProtocol
import Testing

@testable import Resources

@Suite("Text forms of resources and attributes")
struct ResourcesTextTests {
    @Test(
        "Resources are name(role):value pairs",
        arguments: [
            ("cpus:4;mem:1024", "cpus:4; mem:1024"),
            (" cpus : 4 ; mem(web) : 2.5 ;", "cpus:4; mem(reservations: [(STATIC,web)]):2.5"),
            ("ports:[31000-32000, 8080-8080]", "ports:[8080-8080, 31000-32000]"), ("gpus:{a, b}", "gpus:{a, b}"),
            ("cpus:0.1234", "cpus:0.123"), ("", ""), ("cpus:1e1", "cpus:10"),
        ])
    func parse(text: String, expected: String) throws {
        #expect(try resources(text).text() == expected)
    }

    @Test("Resources without a role get the default one")
    func defaultRole() throws {
        let parsed = try ResourcesText.parse("cpus:1;mem(web):2", defaultRole: "ops")
        #expect(parsed.map(\.role) == ["ops", "web"])
    }

    @Test("A JSON array is read as well")
    func json() throws {
        let text = #"[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"role":"web"}]"#
        #expect(try resources(text) == resources("cpus(web):2"))
    }

    @Test(
        "What is no resource is refused with the part and the reason",
        arguments: [
            ("cpus", "'cpus' is wrong: expected name:value"),
            ("cpus:x", "'cpus:x' is wrong: 'x' is no number, ranges or set"),
            ("cpus:-1", "'cpus:-1' is wrong: '-1' is no number, ranges or set"),
            ("cpus:nan", "'cpus:nan' is wrong: 'nan' is no number, ranges or set"),
            ("cpus:inf", "'cpus:inf' is wrong: 'inf' is no number, ranges or set"),
            ("ports:[5-1]", "'ports:[5-1]' is wrong: '5-1' is no range: expected first-last"),
            ("ports:[5]", "'ports:[5]' is wrong: '5' is no range: expected first-last"),
            ("ports:[1-2-3]", "'ports:[1-2-3]' is wrong: '1-2-3' is no range: expected first-last"),
            (":1", "':1' is wrong: the name or role is empty"),
            ("cpus():1", "'cpus():1' is wrong: the name or role is empty"),
        ])
    func refused(text: String, expected: String) {
        let error = #expect(throws: ResourcesTextError.self) { try ResourcesText.parse(text) }
        #expect(error?.description == expected)
    }

    @Test("JSON that is no array of resources is refused", arguments: ["[1]", "[{}]", "[", #"[{"name":"cpus"}]"#])
    func refusedJSON(text: String) {
        let error = #expect(throws: ResourcesTextError.self) { try ResourcesText.parse(text) }
        #expect(error?.description.hasPrefix("resources are wrong: ") == true)
    }

    @Test("Attributes are numbers, ranges or text")
    func attributes() throws {
        let parsed = try ResourcesText.attributes("rack:r1; cpu:2.5 ;ports:[1-2];url:http://h:80")
        #expect(parsed.map(\.name) == ["rack", "cpu", "ports", "url"])
        #expect(parsed.map(\.type) == [.text, .scalar, .ranges, .text])
        #expect(parsed.map { $0.text?.value } == ["r1", nil, nil, "http://h:80"])
        #expect(parsed[1].scalar?.value == 2.5)
        var writer = JSONWriter()
        writer.attributesObject(parsed)
        #expect(writer.text == #"{"rack":"r1","cpu":2.5,"ports":"[1-2]","url":"http://h:80"}"#)
    }

    @Test("A set and a pair without a colon are refused", arguments: ["a:{b}", "a"])
    func refusedAttributes(text: String) {
        #expect(throws: ResourcesTextError.self) { try ResourcesText.attributes(text) }
    }

    @Test("Resources are printed in the words of Mesos's messages")
    func text() throws {
        let all = try resources("ports:[31000-32000];cpus:3.3;mem:3984;disk:10240")
        let expected =
            "ports(allocated: dev):[31000-32000]; cpus(allocated: dev):3.3; mem(allocated: dev):3984; "
            + "disk(allocated: dev):10240"
        #expect(all.text(allocatedTo: "dev") == expected)
    }

    @Test("The resources object of the pages has the common names always, then the others")
    func page() throws {
        var writer = JSONWriter()
        writer.resourcesObject(try resources("cpus:1;cpus(web):2;ports:[1-2];ports(web):[3-3];zeta:5;s:{a}"))
        let expected =
            #"{"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":3.0,"zeta":5.0,"ports":"[1-3]","s":"{a}"}"#
        #expect(writer.text == expected)
    }

    @Test(
        "Names of roles follow Mesos's rules",
        arguments: [
            ("*", nil), ("web", nil), ("a/b/c", nil), ("", "Empty role name is invalid"),
            ("/a", "Role '/a' cannot start with a slash"), ("a/", "Role 'a/' cannot end with a slash"),
            ("a//b", "Role 'a//b' cannot contain two adjacent slashes"),
            ("a/../b", "Role 'a/../b' cannot contain '..' as a component"),
            ("a/*", "Role 'a/*' cannot contain '*' as a component"),
            ("-a", "Role component '-a' is invalid because it begins with a dash"),
            ("a b", "Role component 'a b' is invalid because it contains backspace or whitespace"),
            ("a\u{8}", "Role component 'a\u{8}' is invalid because it contains backspace or whitespace"),
        ] as [(String, String?)])
    func roles(name: String, complaint: String?) {
        #expect(RoleName.complaint(about: name) == complaint)
    }
}
