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
    private let budget: ByteBudget

    init(store: MetadataStore, maximumMessageSize: Int, budget: ByteBudget) {
        self.budget = budget
        service = RESTService(store: store)
        self.maximumMessageSize = maximumMessageSize
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.uri.path == Self.prefix.dropLast() || request.uri.path.hasPrefix(Self.prefix) else {
            return try await next(request, context)
        }
        let response = await answer(request)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request) async -> Response {
        guard let path = RESTRoute.decode(request.uri.path.dropFirst(Self.prefix.count)) else {
            return Self.plain(.badRequest, "Bad Request\n")
        }
        let method = request.method == .head ? "GET" : request.method.rawValue
        let route: RESTRoute
        do throws(RESTRoute.Mismatch) {
            route = try RESTRoute.match(method, path)
        } catch {
            switch error {
            case .notFound: return Self.plain(.notFound, "Not Found\n")
            case .methodNotAllowed: return Self.plain(.methodNotAllowed, "Method Not Allowed\n")
            }
        }
        // A web page of others can make a browser send anything else without being asked.
        if method != "GET", method != "DELETE", !Self.isJSON(request.headers[.contentType]) {
            return Self.plain(
                .unsupportedMediaType,
                "Content-Type \(request.headers[.contentType]?.prefix(100) ?? "(none)"): should be application/json\n")
        }
        do {
            let (body, taken) = try await body(of: request)
            defer { budget.give(taken) }
            return Self.json(
                .ok,
                try await service.answer(
                    route, body: body, name: Self.parameter("name", request.uri.query),
                    page: .init(
                        size: Self.parameter("max_result_size", request.uri.query),
                        token: Self.parameter("page_token", request.uri.query))))
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

    private static func isJSON(_ contentType: String?) -> Bool {
        let type = (contentType ?? "").split(separator: ";").first ?? ""
        return type.lowercased().split(separator: " ").joined() == "application/json"
    }

    private func body(of request: Request) async throws -> (bytes: [UInt8], taken: Int) {
        do {
            return try await request.body.collect(upTo: maximumMessageSize, within: budget)
        } catch {
            switch error {
            case .tooLong: throw RESTError.tooLarge(maximumMessageSize)
            case .noRoom: throw RESTError.refused(budget.excess)
            case .broken: throw RESTError.refused("the request did not arrive whole")
            }
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
