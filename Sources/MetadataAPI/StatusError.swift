public import GRPCCore

/// A refusal with the status code that MLMD's contract gives it.
public struct StatusError: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: RPCError.Code
    public var message: String

    public init(_ code: RPCError.Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    public static func invalidArgument(_ message: String) -> StatusError {
        StatusError(.invalidArgument, message)
    }

    public static func notFound(_ message: String) -> StatusError {
        StatusError(.notFound, message)
    }

    public static func alreadyExists(_ message: String) -> StatusError {
        StatusError(.alreadyExists, message)
    }
}

extension StatusError: RPCErrorConvertible {
    public var rpcErrorCode: RPCError.Code { code }
    /// Clients take about 8 KiB of headers; the message is one, and may be three times as long there.
    public var rpcErrorMessage: String { message.utf8.count <= 2000 ? message : "\(message.prefix(650))…" }
}
