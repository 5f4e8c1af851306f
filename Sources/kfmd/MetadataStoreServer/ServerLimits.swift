/// Limits out of gRPC's channel arguments (https://grpc.github.io/grpc/core/group__grpc__arg__keys.html).
struct ServerLimits: Equatable {
    /// The longest message taken, in bytes: ``unlimited`` at most; `nil`: the server's own.
    private(set) var received: Int?
    /// The longest message sent, in bytes; `nil`: any.
    private(set) var sent: Int?
    /// The most bytes of a request's headers; `nil`: the server's own.
    private(set) var metadata: Int?
    /// Names of arguments that change nothing here.
    private(set) var ignored: [String] = []

    /// What stands for no limit: SQLite holds no longer texts.
    static let unlimited = 1 << 30

    /// - Parameter text: `NAME=VALUE`, with commas between.
    /// - Throws: ``Failure`` that names the argument.
    init(_ text: String) throws {
        let flag = "--\(ServerFlag.grpcChannelArguments.rawValue)"
        for (number, argument) in text.split(separator: ",").enumerated() {
            let parts = argument.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, argument.first != "=" else {
                throw Failure.usage("\(flag): argument \(number + 1), \(argument), should be NAME=VALUE")
            }
            let name = parts[0].filter { $0 != " " }
            func limit() throws -> Int {
                guard let value = Int(parts[1].filter { $0 != " " }), value != 0 else {
                    throw Failure.usage("\(flag): \(name)=\(parts[1]): should be a number of bytes, or -1 for any")
                }
                return value
            }
            switch name {
            case "grpc.max_receive_message_length":
                let value = try limit()
                received = value < 0 ? Self.unlimited : min(value, Self.unlimited)
            case "grpc.max_send_message_length":
                let value = try limit()
                sent = value < 0 ? nil : value
            case "grpc.max_metadata_size":
                let value = try limit()
                guard value > 0 else {
                    throw Failure.usage("\(flag): \(name)=\(value): should be a number of bytes above 0")
                }
                metadata = value
            default: if !ignored.contains(name) { ignored.append(name) }
            }
        }
    }
}
