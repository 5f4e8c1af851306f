import GRPCCore
import MetadataAPI

/// The value of a `grpc-timeout` header: up to eight digits and a unit (gRPC over HTTP/2).
struct GRPCTimeout {
    var duration: Duration

    /// - Returns: `nil` for a text that is none.
    init?(_ text: String) {
        guard let unit = text.last, text.count <= 9, let count = Int64(text.dropLast()), count >= 0 else { return nil }
        switch unit {
        case "H": duration = .seconds(count * 3600)
        case "M": duration = .seconds(count * 60)
        case "S": duration = .seconds(count)
        case "m": duration = .milliseconds(count)
        case "u": duration = .microseconds(count)
        case "n": duration = .nanoseconds(count)
        default: return nil
        }
    }

    init?(_ metadata: Metadata) {
        var values = metadata[stringValues: "grpc-timeout"].makeIterator()
        guard let text = values.next() else { return nil }
        self.init(text)
    }
}

extension StatusError {
    static var deadlineExceeded: StatusError {
        StatusError(.deadlineExceeded, "The request took longer than its deadline.")
    }
}
