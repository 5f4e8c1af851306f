import HTTPTypes
import Hummingbird
import MetadataStore
import NIOCore

/// The Kubeflow Metadata REST API, v1alpha1, as its Go service 0.1 and the client `kfmd` 0.1.8 speak it.
/// The paths are matched here, before the router's: type names have slashes, as themselves or
/// percent-encoded, and every verb has its answer.
struct RESTFace<Context: RequestContext>: RouterMiddleware {
    private static var prefix: String { "/api/v1alpha1/" }

    private let service: RESTService
    private let maximumMessageSize: Int

    init(store: MetadataStore, maximumMessageSize: Int) {
        service = RESTService(store: store)
        self.maximumMessageSize = maximumMessageSize
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.uri.path == Self.prefix.dropLast() || request.uri.path.hasPrefix(Self.prefix) else {
            return try await next(request, context)
        }
        return await answer(request)
    }

    private func answer(_ request: Request) async -> Response {
        guard let path = RESTRoute.decode(request.uri.path.dropFirst(Self.prefix.count)) else {
            return Self.plain(.badRequest, "Bad Request\n")
        }
        let isForm = request.headers[.contentType] == "application/x-www-form-urlencoded"
        let override = request.method == .post && isForm ? request.headers[.methodOverride] : nil
        let route: RESTRoute
        do throws(RESTRoute.Mismatch) {
            route = try RESTRoute.match(
                override?.uppercased() ?? request.method.rawValue, path, isForm: isForm)
        } catch {
            switch error {
            case .notFound: return Self.plain(.notFound, "Not Found\n")
            case .methodNotAllowed: return Self.plain(.methodNotAllowed, "Method Not Allowed\n")
            }
        }
        do {
            let body = try await body(of: request)
            return Self.json(
                .ok, try await service.answer(route, body: body, name: Self.parameter("name", request.uri.query)))
        } catch let error as RESTError {
            return Self.json(error.status, error.body)
        } catch {
            return Self.json(.internalServerError, RESTError.refused("\(error)").body)
        }
    }

    /// The first value of a query's parameter.
    static func parameter(_ name: String, _ query: String?) -> String? {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // In a query, unlike in a path, a plus is a blank.
            let decoded = parts.map { RESTRoute.decode($0.map { $0 == "+" ? "%20" : String($0) }.joined()) }
            if decoded.first == name, decoded.count == 2, let value = decoded[1] { return value }
        }
        return nil
    }

    private func body(of request: Request) async throws -> [UInt8] {
        do {
            var buffer = try await request.body.collect(upTo: maximumMessageSize)
            return buffer.readBytes(length: buffer.readableBytes) ?? []
        } catch let error as HTTPError where error.status == .contentTooLarge {
            throw RESTError.tooLarge(maximumMessageSize)
        }
    }

    private static func plain(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    private static func json(_ status: HTTPResponse.Status, _ text: String) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        // What reached the service carries the header of its gRPC answer.
        if status != .badRequest, let name = HTTPField.Name("Grpc-Metadata-Content-Type") {
            headers[name] = "application/grpc"
        }
        return Response(status: status, headers: headers, body: .init(byteBuffer: escaped(text)))
    }

    /// As Go's encoder does, so that the text can stand in a page. These characters are in strings only.
    private static func escaped(_ text: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "<"): buffer.writeString("\\u003c")
            case UInt8(ascii: ">"): buffer.writeString("\\u003e")
            case UInt8(ascii: "&"): buffer.writeString("\\u0026")
            default: buffer.writeInteger(byte)
            }
        }
        return buffer
    }
}

extension HTTPField.Name {
    fileprivate static var methodOverride: HTTPField.Name { HTTPField.Name("X-HTTP-Method-Override") ?? .date }
}
