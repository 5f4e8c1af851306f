public import JSON

/// A recorded cluster: what happened in it, and when.
///
/// A line of the file is `{"at": SECONDS, "type": "ADDED", "object": {…}}`, as a watch gives it, with
/// the time since the recording began.
public struct Recording: Sendable {
    /// One event.
    public struct Event: Sendable {
        public var at: Duration
        public var type: String
        public var object: JSONValue
    }

    /// Why a file is no recording.
    public struct Malformed: Error, Sendable, CustomStringConvertible {
        public var description: String
    }

    public var events: [Event]

    /// - Throws: ``Malformed`` with the line.
    public init(_ bytes: [UInt8]) throws(Malformed) {
        events = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            let value: JSONValue
            do throws(JSONError) {
                value = try JSONValue(parsing: line)
            } catch {
                throw Malformed(description: "line \(index + 1), column \(error.column): \(error.reason)")
            }
            guard let type = value["type"]?.string, let object = value["object"], let at = value["at"]?.number
            else { throw Malformed(description: "line \(index + 1): no event with at, type and object") }
            events.append(Event(at: .milliseconds(Int64(at * 1000)), type: type, object: object))
        }
    }

    /// Lets everything happen in a cluster, `speed` times as fast as it was.
    public func play(in cluster: ReplayCluster, speed: Double = 1) async throws {
        var now = Duration.zero
        for event in events {
            if event.at > now {
                try await Task.sleep(for: (event.at - now) / speed)
                now = event.at
            }
            await cluster.apply(event.type, event.object)
        }
    }
}
