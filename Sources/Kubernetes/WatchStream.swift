import AsyncHTTPClient
import JSON
import NIOCore

/// What one line of a watch says.
enum WatchLine {
    case applied(KubernetesObject)
    case deleted(KubernetesObject)
    case bookmark(resourceVersion: String)
    case error(APIError)
    /// A whole line that is no event, or of an object that cannot be read, with its version where it tells one.
    case unreadable(String, uid: String, resourceVersion: String)
}

/// The lines of a watch's body. A chunk may hold several lines or cut one in the middle.
struct WatchStream {
    /// A line that is longer than any event can be.
    struct TooLong: Error, CustomStringConvertible {
        var description: String { "an event longer than \(WatchStream.maximumLine >> 20) MiB" }
    }

    /// In bytes: an object of Kubernetes has 3 MiB at most.
    static let maximumLine = 64 << 20

    private var body: HTTPClientResponse.Body.AsyncIterator
    private var buffer = ByteBuffer()
    /// How far the buffer is known to hold no line end.
    private var searched = 0
    private let resource: Resource
    private let line: JSONProjection

    init(_ body: HTTPClientResponse.Body, resource: Resource, fields: JSONProjection) {
        self.body = body.makeAsyncIterator()
        self.resource = resource
        line = ["type": .everything, "object": fields]
    }

    /// The next event; `nil` when the server ended the stream in good order. A line that was cut off
    /// is dropped: a watch from the last version gives it again.
    mutating func next() async throws -> WatchLine? {
        while true {
            if let line = takeLine() {
                if line.readableBytes == 0 { continue }
                return parse(line)
            }
            guard let chunk = try await body.next() else { return nil }
            if buffer.readableBytes == 0 {
                buffer = chunk
                searched = 0
            } else {
                buffer.writeImmutableBuffer(chunk)
            }
            if buffer.readableBytes > Self.maximumLine { throw TooLong() }
        }
    }

    private mutating func takeLine() -> ByteBuffer? {
        let view = buffer.readableBytesView.dropFirst(searched)
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
            searched = buffer.readableBytes
            return nil
        }
        let length = end - buffer.readerIndex
        let line = buffer.readSlice(length: length)
        buffer.moveReaderIndex(forwardBy: 1)
        searched = 0
        if buffer.readableBytes == 0 { buffer.clear() } else { buffer.discardReadBytes() }
        return line
    }

    private func parse(_ line: ByteBuffer) -> WatchLine {
        do {
            let event = try JSONValue(parsing: line.readableBytesView, only: self.line)
            let object = event["object"] ?? .null
            switch event["type"]?.string {
            case "ADDED", "MODIFIED": return .applied(try KubernetesObject(object, resource: resource))
            case "DELETED": return .deleted(try KubernetesObject(object, resource: resource))
            case "BOOKMARK":
                return .bookmark(
                    resourceVersion: object["metadata"]?["resourceVersion"]?.string ?? "")
            case "ERROR":
                // A Status, of which everything is wanted.
                let status = try JSONValue(parsing: line.readableBytesView)["object"] ?? .null
                return .error(APIError(statusObject: status))
            case let other:
                return unreadable("an event of unknown type \((other ?? "(none)").prefix(40))", object["metadata"])
            }
        } catch {
            // Of an object that cannot be read as a whole its version is, so that the watch gets past it.
            let event = try? JSONValue(
                parsing: line.readableBytesView,
                only: ["object": ["metadata": ["uid": .everything, "resourceVersion": .everything]]])
            return unreadable("\(error)", event?["object"]?["metadata"])
        }
    }

    private func unreadable(_ reason: String, _ metadata: JSONValue?) -> WatchLine {
        .unreadable(
            reason, uid: metadata?["uid"]?.string ?? "",
            resourceVersion: metadata?["resourceVersion"]?.string ?? "")
    }
}
