import GRPCCore
import HTTPTypes
import Hummingbird
import MetadataAPI
import NIOCore

/// gRPC-Web: the methods of MetadataStoreService for browsers, without a proxy between.
struct GRPCWebFace: Sendable {
    private let methods: [String: any StoreMethod]
    private let maximumMessageSize: Int
    private let budget: ByteBudget
    private let origins: CORSOrigins
    private let metrics: ServiceMetrics
    private let service = MlMetadata_MetadataStoreService.descriptor.fullyQualifiedService

    init(
        _ methods: [any StoreMethod], maximumMessageSize: Int, budget: ByteBudget, origins: CORSOrigins,
        metrics: ServiceMetrics
    ) {
        (self.budget, self.metrics) = (budget, metrics)
        self.methods = Dictionary(uniqueKeysWithValues: methods.map { ($0.descriptor.method, $0) })
        self.maximumMessageSize = maximumMessageSize
        self.origins = origins
    }

    func add(to router: Router<some RequestContext>) {
        router.post("/\(service)/{method}") { request, context in
            var response = await answer(request, method: context.parameters.get("method") ?? "")
            origins.allow(request, in: &response.headers)
            return response
        }
        router.on("/\(service)/{method}", method: .options) { request, _ in
            Response(status: .noContent, headers: origins.preflight(request))
        }
    }

    private func answer(_ request: Request, method: String) async -> Response {
        let contentType = request.headers[.contentType] ?? ""
        guard let encoding = GRPCWebFrame.Encoding(contentType: contentType) else {
            return Response(
                status: .unsupportedMediaType, headers: [.contentType: "text/plain; charset=utf-8"],
                body: .init(
                    byteBuffer: ByteBuffer(
                        string: "Content-Type \(contentType): should be application/grpc-web+proto or -text+proto\n")))
        }
        do {
            // A name that is none of ours is kept under one.
            let message = try await metrics.counting(.grpcWeb, methods[method] == nil ? "other" : method) {
                try await respond(request, method, encoding)
            }
            return response(message, Status(code: .ok, message: ""), encoding)
        } catch let error as StatusError {
            return response(nil, Status(code: .init(error.code), message: error.message), encoding)
        } catch {
            return response(nil, Status(code: .internalError, message: "\(error)"), encoding)
        }
    }

    private func response(
        _ message: [UInt8]?, _ status: Status, _ encoding: GRPCWebFrame.Encoding
    ) -> Response {
        Response(
            status: .ok, headers: [.contentType: encoding.contentType],
            body: .init(byteBuffer: ByteBuffer(bytes: GRPCWebFrame.body(message, status, encoding))))
    }

    private func respond(
        _ request: Request, _ method: String, _ encoding: GRPCWebFrame.Encoding
    ) async throws -> [UInt8] {
        guard let handler = methods[method] else {
            throw StatusError(.unimplemented, "There is no method \(service)/\(method).")
        }
        let (body, taken) = try await body(of: request, encoding)
        defer { budget.give(taken) }
        let message = try GRPCWebFrame.message(in: body, encoding)
        guard let text = request.headers[.grpcTimeout] else { return try await handler.answer(message) }
        guard let timeout = GRPCTimeout(text) else {
            throw StatusError.invalidArgument("grpc-timeout \(text): should be digits and one of H, M, S, m, u, n")
        }
        return try await Self.withTimeout(timeout.duration) { try await handler.answer(message) }
    }

    private func body(
        of request: Request, _ encoding: GRPCWebFrame.Encoding
    ) async throws -> (bytes: [UInt8], taken: Int) {
        let maximum = encoding == .text ? (maximumMessageSize + 5) / 3 * 4 + 8 : maximumMessageSize + 5
        do {
            return try await request.body.collect(upTo: maximum, within: budget)
        } catch {
            switch error {
            case .tooLong:
                throw StatusError(
                    .resourceExhausted,
                    "The message is too long; this server takes up to \(maximumMessageSize) bytes (--max-message-size)."
                )
            case .noRoom: throw StatusError(.unavailable, budget.excess)
            case .broken: throw StatusError(.cancelled, "The request did not arrive whole.")
            }
        }
    }

    /// - Throws: what `body` throws, or ``StatusError``, DEADLINE_EXCEEDED.
    private static func withTimeout<Result: Sendable>(
        _ timeout: Duration, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                throw StatusError.deadlineExceeded
            }
            return result
        }
    }
}

extension HTTPField.Name {
    fileprivate static var grpcTimeout: HTTPField.Name { HTTPField.Name("grpc-timeout") ?? .date }
}
