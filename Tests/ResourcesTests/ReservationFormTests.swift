import MesosProtocol
import Testing

@testable import Resources

@Suite("Old and new forms of reservations")
struct ReservationFormTests {
    private func cpus(_ build: (inout Mesos.Resource) -> Void = { _ in }) -> Mesos.Resource {
        .with {
            $0.name = "cpus"
            $0.scalar = .with { $0.value = 1 }
            build(&$0)
        }
    }

    private func reservation(_ type: Mesos.Resource.ReservationInfo.Kind, _ role: String, principal: String? = nil)
        -> Mesos.Resource.ReservationInfo
    {
        .with {
            $0.type = type
            $0.role = role
            $0.principal = principal
        }
    }

    @Test("A resource of nobody is the same with the role *, without one and allocated to anybody")
    func unreserved() {
        let star = cpus { $0.role = "*" }
        let allocated = cpus { $0.allocationInfo = .with { $0.role = "dev" } }
        #expect(Resources([star]) == Resources([cpus()]))
        #expect(Resources([allocated]) == Resources([cpus()]))
        #expect(Resources([star, cpus(), allocated]).text() == "cpus:3")
    }

    @Test("A role is a static reservation")
    func staticReservation() {
        let old = cpus { $0.role = "web" }
        let new = cpus { $0.reservations = [reservation(.static, "web")] }
        #expect(Resources([old]) == Resources([new]))
        #expect(Resources([old]).entries.first?.reservedRole == "web")
    }

    @Test("A role with a reservation is a dynamic one")
    func dynamicReservation() {
        let old = cpus {
            $0.role = "web"
            $0.reservation = .with { $0.principal = "p" }
        }
        let new = cpus { $0.reservations = [reservation(.dynamic, "web", principal: "p")] }
        #expect(Resources([old]) == Resources([new]))
        #expect(Resources([old]) != Resources([cpus { $0.role = "web" }]))
    }

    @Test("The plain form has role and reservation instead of reservations")
    func plain() throws {
        let all = Resources([
            cpus(), cpus { $0.reservations = [reservation(.static, "web")] },
            cpus { $0.reservations = [reservation(.dynamic, "web", principal: "p")] },
        ])
        let messages = all.messages(form: .plain)
        #expect(messages.map(\.role) == ["*", "web", "web"])
        #expect(messages.map { $0.reservation?.principal } == [nil, nil, "p"])
        #expect(messages.allSatisfy { $0.reservations.isEmpty && $0.allocationInfo == nil })
        #expect(Resources(messages) == all)
    }

    @Test("A stack of reservations has no plain form and keeps its own")
    func stacked() {
        let stacked = cpus { $0.reservations = [reservation(.static, "web"), reservation(.dynamic, "web/x")] }
        let all = Resources([stacked])
        #expect(all.entries.first?.reservedRole == "web/x")
        #expect(all.messages(form: .plain).first?.reservations.count == 2)
    }

    @Test("The refined form names whom the resources are allocated to, of each type")
    func refined() throws {
        let all = Resources(try ResourcesText.parse("cpus:0.5;ports:[1-2,5-5];gpus:{b,a};disk(web):7"))
        let messages = all.messages(allocatedTo: "dev")
        #expect(
            messages.map(\.jsonText) == [
                #"{"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"allocation_info":{"role":"dev"}}"#,
                #"{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2},{"begin":5,"end":5}]},"#
                    + #""allocation_info":{"role":"dev"}}"#,
                #"{"name":"gpus","type":"SET","set":{"item":["a","b"]},"allocation_info":{"role":"dev"}}"#,
                #"{"name":"disk","type":"SCALAR","scalar":{"value":7.0},"allocation_info":{"role":"dev"},"#
                    + #""reservations":[{"type":"STATIC","role":"web"}]}"#,
            ])
        #expect(Resources(messages) == all)
    }

    @Test("Volumes and revocable resources are kept apart from plain ones")
    func others() {
        let volume = cpus { $0.disk = .with { $0.persistence = .with { $0.id = "i" } } }
        let revocable = cpus { $0.revocable = Mesos.Resource.RevocableInfo() }
        let all = Resources([cpus(), volume, revocable, cpus()])
        #expect(all.entries.count == 3)
        #expect(all.messages().map(\.disk?.persistence?.id) == [nil, "i", nil])
    }
}
