import FoundationEssentials
import HTTPTypes
import Hummingbird
import JSON
import Kubernetes
public import Logging
import NIOCore

/// A cluster's API over real HTTP: list, get, watch, create and merge patch.
public struct ReplayServer: Sendable {
    /// How the server behaves.
    public struct Options: Sendable {
        public var host = "127.0.0.1"
        /// 0 for any free port.
        public var port = 0
        /// How often a watch that asked for bookmarks gets one; a real server's minute.
        public var bookmarkInterval: Duration = .seconds(60)
        /// The token that requests must bear; `nil` for none.
        public var token: String?

        public init() {}
    }

    private let cluster: ReplayCluster
    private let options: Options
    private let logger: Logger

    public init(_ cluster: ReplayCluster, options: Options = Options(), logger: Logger) {
        self.cluster = cluster
        self.options = options
        self.logger = logger
    }

    /// A kubeconfig file for a server on a port of this machine.
    public static func kubeconfig(port: Int) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: replayed
        contexts: [{name: replayed, context: {cluster: replayed, user: nobody}}]
        clusters: [{name: replayed, cluster: {server: "http://127.0.0.1:\(port)"}}]
        users: [{name: nobody, user: {token: any}}]
        """
    }

    /// Serves until it is cancelled.
    /// - Parameter onStart: told the port.
    /// - Throws: when the port cannot be bound.
    public func run(onStart: @escaping @Sendable (Int) async -> Void) async throws {
        let application = Application(
            responder: CallbackResponder { (request: Request, _: BasicRequestContext) in
                await respond(to: request)
            },
            configuration: .init(address: .hostname(options.host, port: options.port)),
            onServerRunning: { channel in await onStart(channel.localAddress?.port ?? 0) },
            logger: logger)
        try await application.run()
    }

    private func respond(to request: Request) async -> Response {
        do {
            return try await route(request)
        } catch let status as ReplayStatus {
            return Self.response(status)
        } catch {
            return Self.response(ReplayStatus(500, "InternalError", "\(error)"))
        }
    }

    // MARK: Routing

    private struct Path {
        var resource: Resource
        var namespace: String?
        var name: String?
    }

    private func route(_ request: Request) async throws -> Response {
        if let token = options.token, request.headers[.authorization] != "Bearer \(token)" {
            throw ReplayStatus(401, "Unauthorized", "Unauthorized")
        }
        let parts = request.uri.path.split(separator: "/")
        if request.method == .get, parts == ["api"] || parts == ["apis"] {
            return try await discovery(request, isCore: parts == ["api"])
        }
        let path = try await path(request.uri.path)
        var query: [String: String] = [:]
        for (key, value) in request.uri.queryParameters { query[String(key)] = String(value) }
        let plural = path.resource.plural
        switch (request.method, path.name) {
        case (.get, let name?):
            await cluster.count("get \(plural)")
            try await cluster.authorize("get", path.resource, path.namespace)
            try await fail(.get, plural)
            return Self.response(try await cluster.get(path.resource, path.namespace, name))
        case (.get, nil):
            let selector = try Selector(labels: query["labelSelector"], fields: query["fieldSelector"])
            if query["watch"] == "1" || query["watch"] == "true" {
                return try await watch(path, selector, query)
            }
            await cluster.count("list \(plural)")
            try await cluster.authorize("list", path.resource, path.namespace)
            let effect = await cluster.takeFault(.list, plural)
            if case .body(let text)? = effect { return Self.response(bytes: Array(text.utf8)) }
            if let effect, Self.isStatus(effect) { throw Self.status(effect) }
            let options = ReplayCluster.ListOptions(
                limit: query["limit"].flatMap { Int($0) } ?? 0, continuation: query["continue"],
                resourceVersion: query["resourceVersion"])
            let list = try await cluster.list(path.resource, path.namespace, selector, options)
            if case .cutBody(let share)? = effect { return Self.cut(list, share) }
            return Self.response(bytes: list)
        case (.patch, let name?):
            await cluster.count("patch \(plural)")
            try await cluster.authorize("patch", path.resource, path.namespace)
            try await fail(.patch, plural)
            guard request.headers[.contentType]?.hasPrefix("application/merge-patch+json") == true else {
                throw ReplayStatus(415, "UnsupportedMediaType", "415: Unsupported Media Type", details: [:])
            }
            let patch = try await body(of: request, "error decoding patch: unexpected end of JSON input")
            return Self.response(try await cluster.mergePatch(path.resource, path.namespace, name, patch))
        case (.post, nil):
            await cluster.count("create \(plural)")
            try await cluster.authorize("create", path.resource, path.namespace)
            let object = try await body(of: request, "the object provided is unrecognized")
            return Self.response(try await cluster.create(path.resource, path.namespace, object), 201)
        default:
            throw ReplayStatus(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource", details: [:]
            )
        }
    }

    private func discovery(_ request: Request, isCore: Bool) async throws -> Response {
        await cluster.count("discovery")
        try await cluster.authorizeDiscovery(isCore ? "/api" : "/apis")
        let isAggregated = request.headers[.accept]?.contains("as=APIGroupDiscoveryList") == true
        var response = Self.response(await cluster.discovery(isCore: isCore, isAggregated: isAggregated))
        if isAggregated {
            response.headers[.contentType] = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        }
        return response
    }

    private func path(_ text: String) async throws -> Path {
        var parts = text.split(separator: "/").map { Resource.decode($0) }
        guard parts.count >= 3, parts[0] == "api" || parts[0] == "apis" else {
            throw ReplayStatus(404, text: "404 page not found\n")
        }
        let group = parts[0] == "api" ? "" : parts[1]
        parts.removeFirst(parts[0] == "api" ? 1 : 2)
        guard parts.count >= 2 else { throw ReplayStatus(404, text: "404 page not found\n") }
        let version = parts.removeFirst()
        var namespace: String?
        if parts.count >= 3, parts[0] == "namespaces" {
            namespace = parts[1]
            parts.removeFirst(2)
        }
        let resource = try await cluster.resource(group: group, version: version, plural: parts[0])
        return Path(resource: resource, namespace: namespace, name: parts.count > 1 ? parts[1] : nil)
    }

    private func body(of request: Request, _ message: String) async throws -> JSONValue {
        let buffer = try await request.body.collect(upTo: 10 << 20)
        do {
            return try JSONValue(parsing: buffer.readableBytesView)
        } catch {
            throw ReplayStatus.badRequest(message)
        }
    }

    private func fail(_ target: Fault.Target, _ resource: String) async throws {
        guard let effect = await cluster.takeFault(target, resource) else { return }
        throw Self.status(effect)
    }

    private static func isStatus(_ effect: Fault.Effect) -> Bool {
        if case .cutBody = effect { false } else { true }
    }

    /// An answer whose connection breaks before its end.
    private static func cut(_ bytes: [UInt8], _ share: Double) -> Response {
        let body = ResponseBody(contentLength: bytes.count) { writer in
            try await writer.write(ByteBuffer(bytes: bytes.prefix(Int(Double(bytes.count) * share))))
            throw Cut()
        }
        return Response(status: .ok, headers: [.contentType: "application/json"], body: body)
    }

    private static func status(_ effect: Fault.Effect) -> ReplayStatus {
        switch effect {
        case .tooManyRequests(let wait):
            ReplayStatus(429, text: "Too many requests, please try again later.\n", retryAfter: wait)
        case .status(let code, let reason, let message): ReplayStatus(code, reason, message)
        case .cut, .cutBody, .silence, .body: ReplayStatus(500, "InternalError", "this fault is for watches")
        }
    }

    // MARK: Watches

    /// A connection that is to break.
    private struct Cut: Error {}

    private func watch(_ path: Path, _ selector: Selector, _ query: [String: String]) async throws -> Response {
        await cluster.count("watch \(path.resource.plural)")
        try await cluster.authorize("watch", path.resource, path.namespace)
        let effect = await cluster.takeFault(.watch, path.resource.plural)
        var cutAfter: Int?
        var isSilent = false
        switch effect {
        case .cut(let events)?: cutAfter = events
        case .silence?: isSilent = true
        case .body(let text)?: return Self.response(bytes: Array(text.utf8))
        case let effect?: throw Self.status(effect)
        case nil: break
        }
        let (id, lines) = try await cluster.watch(
            path.resource, path.namespace, selector, from: query["resourceVersion"])
        let timeout = query["timeoutSeconds"].flatMap { Int64($0) } ?? 1800
        let wantsBookmarks = query["allowWatchBookmarks"] == "true"
        let (cut, silent) = (cutAfter, isSilent)
        let body = ResponseBody { writer in
            try await withThrowingTaskGroup(of: Void.self) { group in
                if !silent {
                    group.addTask {
                        try await Task.sleep(for: .seconds(timeout))
                        await cluster.signal(id, .end)
                    }
                }
                if wantsBookmarks, !silent {
                    group.addTask {
                        while true {
                            try await Task.sleep(for: options.bookmarkInterval)
                            await cluster.signal(id, .bookmark)
                        }
                    }
                }
                defer { group.cancelAll() }
                var written = 0
                lines: for await item in lines {
                    switch item {
                    case .line(let bytes):
                        if silent { continue }
                        if let cut, written >= cut {
                            try await writer.write(ByteBuffer(bytes: bytes.prefix(bytes.count / 2)))
                            throw Cut()
                        }
                        try await writer.write(ByteBuffer(bytes: bytes))
                        written += 1
                    case .bookmark:
                        await cluster.count("bookmark \(path.resource.plural)")
                        try await writer.write(ByteBuffer(bytes: cluster.bookmark(path.resource)))
                    case .end: break lines
                    }
                }
            }
            await cluster.closeWatch(id)
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/json"], body: body)
    }

    // MARK: Answers

    private static func response(_ value: JSONValue, _ code: Int = 200) -> Response {
        response(bytes: value.jsonBytes(), code)
    }

    private static func response(bytes: [UInt8], _ code: Int = 200) -> Response {
        Response(
            status: .init(code: code), headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    private static func response(_ status: ReplayStatus) -> Response {
        var response: Response
        if let text = status.text {
            response = Response(
                status: .init(code: status.code), headers: [.contentType: "text/plain; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(string: text)))
        } else {
            response = self.response(status.body ?? .null, status.code)
        }
        if let wait = status.retryAfter { response.headers[.retryAfter] = String(wait) }
        return response
    }
}
