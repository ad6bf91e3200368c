import HTTPKit
import MesosProtocol

/// A scheduler's event stream, in the encoding that it asked for.
struct SchedulerStream: Sendable {
    let id: String
    let isJSON: Bool
    let body: HTTPBodyStream

    func send(_ event: SchedulerAPI.Event) {
        body.write(RecordIO.frame(isJSON ? event.jsonBytes : event.protobuf))
    }

    func close() { body.end() }
}
