import Testing

@testable import JSONText

@Suite("JSON values")
struct JSONValueTests {
    @Test("Accessors answer for their own kind alone")
    func accessors() {
        #expect(JSON.string("a").string == "a")
        #expect(JSON.bool(true).bool == true)
        #expect(JSON.integer(3).integer == 3)
        #expect(JSON.integer(3).double == 3)
        #expect(JSON.double(0.5).double == 0.5)
        #expect(JSON.array([1]).array == [1])
        #expect(JSON.object([]).members == [])
        #expect(JSON.null.string == nil)
        #expect(JSON.integer(1).bool == nil)
        #expect(JSON.string("1").integer == nil)
        #expect(JSON.bool(true).double == nil)
        #expect(JSON.object([]).array == nil)
        #expect(JSON.array([]).members == nil)
    }

    @Test("A double without a fraction counts as a whole number")
    func wholeDouble() {
        #expect(JSON.double(5).integer == 5)
        #expect(JSON.double(5.5).integer == nil)
        #expect(JSON.double(1e300).integer == nil)
    }

    @Test("A null member is there, but has no value")
    func nullMember() {
        let json = JSON.members(["a": .null, "b": 1])
        #expect(json["a"] == .null)
        #expect(json.value("a") == nil)
        #expect(json.value("b") == 1)
        #expect(json["c"] == nil)
        #expect(JSON.integer(1)["a"] == nil)
    }

    @Test("Setting replaces in place, appends and removes")
    func set() {
        var json = JSON.members(["a": 1, "b": 2])
        json.set("a", 3)
        json.set("c", 4)
        json.set("b", nil)
        json.set("absent", nil)
        #expect(json.text == #"{"a":3,"c":4}"#)
    }

    @Test("Setting a member of something else makes an object of it")
    func setOnScalar() {
        var json = JSON.integer(1)
        json.set("a", true)
        #expect(json == .members(["a": true]))
    }
}
