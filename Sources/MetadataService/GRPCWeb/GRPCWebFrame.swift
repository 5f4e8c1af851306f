import FoundationEssentials
import MetadataAPI
import GRPCCore

/// The frames of gRPC-Web: messages, and the trailers as the last one
/// (github.com/grpc/grpc, doc/PROTOCOL-WEB.md).
enum GRPCWebFrame {
    /// How a body is written.
    enum Encoding: Sendable {
        case binary
        /// Base64, for browsers that cannot stream bytes.
        case text

        /// The encoding that a content type names; `nil` when it is not one of gRPC-Web.
        init?(contentType: String) {
            let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
            switch type {
            case "application/grpc-web", "application/grpc-web+proto": self = .binary
            case "application/grpc-web-text", "application/grpc-web-text+proto": self = .text
            default: return nil
            }
        }

        var contentType: String {
            switch self {
            case .binary: "application/grpc-web+proto"
            case .text: "application/grpc-web-text+proto"
            }
        }
    }

    private static let compressed: UInt8 = 0x01
    private static let trailers: UInt8 = 0x80

    /// The one message of a unary request.
    /// - Throws: ``StatusError`` that says what is wrong with the body.
    static func message(in body: [UInt8], _ encoding: Encoding) throws -> [UInt8] {
        let bytes = encoding == .text ? try decodeBase64(body) : body
        guard bytes.count >= 5 else {
            throw StatusError.invalidArgument("The body has \(bytes.count) bytes; a frame of gRPC-Web has at least 5.")
        }
        guard bytes[0] & compressed == 0 else {
            throw StatusError(.unimplemented, "Compressed messages are not supported.")
        }
        guard bytes[0] == 0 else {
            throw StatusError.invalidArgument(
                "The first frame of the body has the flags \(bytes[0]): it is no message.")
        }
        let length = bytes[1..<5].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= 5 + length else {
            throw StatusError.invalidArgument(
                "The message should have \(length) bytes; the body ends after \(bytes.count - 5).")
        }
        // Trailers of the client may follow; another message may not.
        if bytes.count > 5 + length, bytes[5 + length] & trailers == 0 {
            throw StatusError.invalidArgument("The body has more than one message; the methods are unary.")
        }
        return Array(bytes[5..<(5 + length)])
    }

    /// The body of an answer.
    /// - Parameter message: `nil` for an error, which has trailers only.
    static func body(_ message: [UInt8]?, _ status: Status, _ encoding: Encoding) -> [UInt8] {
        var body: [UInt8] = []
        if let message { append(0, message, to: &body) }
        let lines = "grpc-status: \(status.code.rawValue)\r\ngrpc-message: \(percentEncode(status.message))\r\n"
        append(trailers, Array(lines.utf8), to: &body)
        return encoding == .text ? Array(Data(body).base64EncodedString().utf8) : body
    }

    private static func append(_ flags: UInt8, _ payload: [UInt8], to body: inout [UInt8]) {
        body.reserveCapacity(body.count + payload.count + 5)
        body.append(flags)
        for shift in [24, 16, 8, 0] { body.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
        body += payload
    }

    /// A client may encode piece by piece, so that padding stands within the text.
    private static func decodeBase64(_ text: [UInt8]) throws -> [UInt8] {
        let padding = UInt8(ascii: "=")
        var result: [UInt8] = []
        var start = 0
        while start < text.count {
            var end = text[start...].firstIndex(of: padding) ?? text.count
            while end < text.count, text[end] == padding { end += 1 }
            guard let part = Data(base64Encoded: Data(text[start..<end])) else {
                throw StatusError.invalidArgument("The body of a grpc-web-text request is no base64.")
            }
            result += part
            start = end
        }
        return result
    }

    /// As gRPC's messages are: what is not printable ASCII, and the percent sign.
    static func percentEncode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { result, byte in
            if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }
}
