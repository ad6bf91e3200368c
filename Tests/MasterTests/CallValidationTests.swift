import MesosProtocol
import Testing

@testable import Master

@Suite("Calls that are refused, in Mesos's words")
struct CallValidationTests {
    private var master = TestMaster()

    init() throws { try master.subscribe() }

    @Test(
        "A call without the field of its type",
        arguments: [
            (.accept, "accept"), (.decline, "decline"), (.acceptInverseOffers, "accept_inverse_offers"),
            (.declineInverseOffers, "decline_inverse_offers"), (.kill, "kill"), (.shutdown, "shutdown"),
            (.acknowledge, "acknowledge"), (.acknowledgeOperationStatus, "acknowledge_operation_status"),
            (.reconcile, "reconcile"), (.reconcileOperations, "reconcile_operations"), (.message, "message"),
            (.request, "request"), (.updateFramework, "update_framework"),
        ] as [(SchedulerAPI.Call.Kind, String)])
    mutating func missing(type: SchedulerAPI.Call.Kind, field: String) throws {
        try master.call(type)
        #expect(master.answer == "400 Failed to validate scheduler::Call: Expecting '\(field)' to be present")
    }

    @Test("A call without a type or a framework")
    mutating func missingBasics() throws {
        try master.call(.revive) { $0.type = nil }
        #expect(master.answer == "400 Failed to validate scheduler::Call: Expecting 'type' to be present")
        try master.call(.revive) { $0.frameworkID = nil }
        #expect(master.answer == "400 Failed to validate scheduler::Call: Expecting 'framework_id' to be present")
        #expect(
            CallValidation.complaint(about: .with { $0.type = .subscribe }) == "Expecting 'subscribe' to be present")
    }

    @Test("A uuid has 16 bytes", arguments: [0, 3, 15, 17])
    mutating func uuid(length: Int) throws {
        try master.call(.acknowledge) { call in
            call.acknowledge = .with { $0.uuid = [UInt8](repeating: 1, count: length) }
        }
        #expect(master.answer == "400 Failed to validate scheduler::Call: Not a valid UUID")
    }

    @Test("A framework that is unknown, not subscribed, or on another stream")
    mutating func stream() throws {
        try master.call(.revive, framework: "nosuch")
        #expect(master.answer == "400 Framework cannot be found")
        try master.call(.revive, stream: nil)
        #expect(master.answer == "400 All non-subscribe calls should include the 'Mesos-Stream-Id' header")
        try master.call(.revive, stream: "wrong")
        #expect(
            master.answer
                == "400 The stream ID 'wrong' included in this request didn't match the stream ID currently associated with "
                + "framework ID m-0000")
        try master.handle(.streamClosed("s"))
        try master.call(.revive)
        #expect(master.answer == "403 Framework is not subscribed")
    }

    @Test("What is not there yet is not taken for done")
    mutating func unsupported() throws {
        try master.call(.updateFramework) { call in
            call.updateFramework = .with { $0.frameworkInfo = TestMaster.framework() }
        }
        #expect(
            master.answer
                == "400 Failed to validate scheduler::Call: 'framework_id' differs from 'update_framework.framework_info.id'"
        )
        try master.call(.updateFramework) { call in
            call.updateFramework = .with { $0.frameworkInfo = TestMaster.framework(id: "m-0000") }
        }
        #expect(master.answer?.hasPrefix("501 ") == true)
        try master.call(.accept) { call in
            call.accept = .with { $0.operations = [.with { $0.type = .reserve }] }
        }
        #expect(master.answer == "501 Operation RESERVE is not supported by this version")
    }

    @Test("A request for resources is taken and ignored")
    mutating func request() throws {
        try master.call(.request) { $0.request = .init() }
        #expect(master.summary == ["answer 202"])
    }

    private static func changed(_ change: (inout Mesos.FrameworkInfo) -> Void) -> Mesos.FrameworkInfo {
        var info = TestMaster.framework()
        change(&info)
        return info
    }

    private static let refused: [(Mesos.FrameworkInfo, String)] = [
        (
            changed { $0.roles = ["a b"] },
            "'FrameworkInfo.roles' contains invalid role: Role component 'a b' is invalid because it contains backspace or "
                + "whitespace"
        ),
        (
            changed { $0.role = "a" },
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
        ),
        (
            changed { $0.capabilities = [] },
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
        ),
        (changed { $0.roles = ["a", "a"] }, "'FrameworkInfo.roles' contains duplicate items"),
    ]

    @Test("A framework that cannot be is told so on its stream, which ends", arguments: refused)
    mutating func framework(info: Mesos.FrameworkInfo, expected: String) throws {
        try master.subscribe("u", info)
        #expect(master.events("u").map(\.error?.message) == [expected])
        #expect(master.closedStreams == ["u"])
        #expect(master.core.frameworks.count == 1)
    }

    @Test("A suppressed role must be one of the framework's")
    mutating func suppressed() throws {
        try master.subscribe("u", TestMaster.framework(), suppressed: ["other"])
        #expect(
            master.events("u").map(\.error?.message) == [
                "Suppressed role 'other' is not contained in the list of roles"
            ])
    }

    @Test("Root may be refused")
    func root() throws {
        var master = TestMaster { $0.allowsRootSubmissions = false }
        try master.subscribe()
        #expect(
            master.events().map(\.error?.message)
                == ["User 'root' is not allowed to run frameworks without --root_submissions set"])
    }

    @Test("A time-out that is negative is taken as it is")
    mutating func negativeFailover() throws {
        try master.subscribe("u", TestMaster.framework(failover: -1))
        #expect(master.events("u").first?.type == .subscribed)
    }
}
