import AsyncHTTPClient
import FoundationEssentials
public import JSON
import NIOCore
import NIOHTTP1

/// A client of one API server.
///
/// Call ``shutdown()`` when done with it.
public final class APIClient: Sendable {
    public let configuration: ClusterConfiguration
    /// How long a watch is asked to last; a little more of silence and its connection is given up.
    public let watchTimeout: Duration
    /// Short calls: creations, patches, leases, single objects.
    private let calls: HTTPClient
    /// Lists, which may be long: short calls never wait for them.
    private let lists: HTTPClient
    /// Watches, which last: each holds a connection of its own.
    private let watches: HTTPClient
    private let tokens: TokenSource
    private let address: ClusterConfiguration.Address
    private let userAgent: String

    /// - Throws: ``ConfigurationError``.
    public init(
        _ configuration: ClusterConfiguration, userAgent: String = "kfmd",
        watchTimeout: Duration = .seconds(290), silence: Duration? = nil,
        requestTimeout: Duration = .seconds(60)
    ) throws {
        self.configuration = configuration
        self.watchTimeout = watchTimeout
        self.userAgent = userAgent
        address = try configuration.address()
        tokens = TokenSource(configuration.credentials)
        func client(_ readTimeout: Duration, connections: Int) throws -> HTTPClient {
            HTTPClient(
                eventLoopGroupProvider: .singleton,
                configuration: try configuration.httpConfiguration(
                    readTimeout: readTimeout, connections: connections))
        }
        calls = try client(requestTimeout, connections: Self.concurrentCalls)
        lists = try client(requestTimeout, connections: Self.concurrentLists)
        // async-http-client's own limit of 8 would starve each kind after the eighth for ever.
        watches = try client(
            watchTimeout + (silence ?? min(.seconds(15), watchTimeout)), connections: .max)
    }

    /// The longest answer that is one object, in bytes. A Workflow of an Argo server has tens of MiB at most.
    private static let maximumAnswer = 256 << 20
    private static let concurrentCalls = 32
    private static let concurrentLists = 8

    /// Closes all connections.
    public func shutdown() async {
        for client in [calls, lists, watches] { try? await client.shutdown() }
    }

    // MARK: Requests

    /// Sends a request; a refused token is fetched anew and tried once more.
    /// - Throws: ``APIError``, ``ConnectionError``, ``ConfigurationError``.
    private func send(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil,
        contentType: String = "application/json", accept: String = "application/json", by client: HTTPClient? = nil
    ) async throws -> HTTPClientResponse {
        let query = query.map { "\($0.0)=\(Resource.encode($0.1))" }.joined(separator: "&")
        for refresh in [false, true] {
            var request = HTTPClientRequest(url: address.url + path + (query.isEmpty ? "" : "?" + query))
            request.method = method
            request.headers.add(name: "Host", value: address.authority)
            request.headers.add(name: "Accept", value: accept)
            request.headers.add(name: "User-Agent", value: userAgent)
            if let header = try await tokens.header(refresh: refresh) {
                request.headers.add(name: "Authorization", value: header)
            }
            if let body {
                request.headers.add(name: "Content-Type", value: contentType)
                request.body = .bytes(body.jsonBytes())
            }
            let response = try await connected {
                try await (client ?? calls).execute(request, timeout: .seconds(60))
            }
            if response.status == .unauthorized, !refresh {
                _ = try? await response.body.collect(upTo: 1 << 20)
                continue
            }
            if (200..<300).contains(response.status.code) { return response }
            throw await error(of: response)
        }
        // Not reached: the second round returns or throws.
        throw CancellationError()
    }

    /// Turns the HTTP client's errors into one that names the address.
    func connected<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw ConnectionError(address: configuration.server, reason: Self.describe(error))
        }
    }

    private static func describe(_ error: any Error) -> String {
        let text = String(describing: error)
        if text.contains("ECONNREFUSED") || text.contains("errno: 111") || text.contains("refused") {
            return "connection refused: nobody listens there"
        }
        if let error = error as? HTTPClientError {
            return error == .readTimeout ? "no answer in time" : error.description
        }
        return text.split(whereSeparator: \.isNewline).first.map(String.init) ?? text
    }

    private func error(of response: HTTPClientResponse) async -> APIError {
        let buffer = try? await response.body.collect(upTo: 1 << 20)
        return await redacting(
            APIError(
                status: Int(response.status.code), body: buffer.map { Array($0.readableBytesView) } ?? [],
                retryAfter: response.headers.first(name: "Retry-After").flatMap { APIError.wait(seconds: Int64($0)) }))
    }

    /// An error whose text is fit to be shown: within bounds, and without our credentials.
    func redacting(_ error: APIError) async -> APIError {
        var error = error
        // Cut afterwards: half a token would not be found.
        error.reason = String(await tokens.redacting(error.reason).prefix(100))
        error.message = String(await tokens.redacting(error.message).prefix(1000))
        return error
    }

    private func noJSON(_ error: JSONError) -> ConnectionError {
        ConnectionError(address: configuration.server, reason: "an answer that is no JSON: \(error)")
    }

    private func value(of response: HTTPClientResponse) async throws -> JSONValue {
        let buffer = try await connected { try await response.body.collect(upTo: Self.maximumAnswer) }
        do {
            return try JSONValue(parsing: buffer.readableBytesView)
        } catch {
            throw noJSON(error)
        }
    }

    // MARK: Objects

    /// An object that cannot be read.
    public struct Unreadable: Sendable, Hashable {
        public var reason: String
        /// Empty where not even that can be read.
        public var uid: String
    }

    /// One page of a list.
    public struct Page: Sendable {
        public var objects: [KubernetesObject]
        /// Items that are no objects, or cannot be read.
        public var malformed: [Unreadable]
        public var resourceVersion: String
        /// Where the next page begins; `nil` on the last.
        public var next: String?
    }

    /// A page of the objects of a kind.
    /// - Parameters:
    ///   - namespace: `nil` for all namespaces.
    ///   - continuation: ``Page/next`` of the page before.
    ///   - fields: what is wanted of each object; see ``KubernetesObject/raw``.
    /// - Throws: ``APIError``, ``ConnectionError``.
    public func list(
        _ resource: Resource, namespace: String? = nil, labelSelector: String? = nil,
        fieldSelector: String? = nil, limit: Int = 500, continuation: String? = nil,
        fields: JSONProjection = .everything
    ) async throws -> Page {
        var query = [("limit", String(limit))]
        if let fieldSelector { query.append(("fieldSelector", fieldSelector)) }
        if let labelSelector { query.append(("labelSelector", labelSelector)) }
        if let continuation { query.append(("continue", continuation)) }
        let response = try await send(.GET, resource.path(namespace: namespace), query: query, by: lists)
        var page = Page(objects: [], malformed: [], resourceVersion: "", next: nil)
        // Read as it arrives: a page of large objects is never there as a whole.
        var reader = JSONListReader(
            list: "items", element: fields, identity: ["metadata": ["uid": .everything]])
        var body = response.body.makeAsyncIterator()
        var count = 0
        while true {
            let chunk = try await connected { try await body.next() }
            do throws(JSONError) {
                try reader.read(chunk?.readableBytesView ?? ByteBufferView(), isLast: chunk == nil) { item in
                    do {
                        page.objects.append(try KubernetesObject(item, resource: resource))
                    } catch {
                        page.malformed.append(
                            .init(reason: "item \(count) of the list of \(resource.plural): \(error)", uid: ""))
                    }
                    count += 1
                } unreadable: { error, identity in
                    page.malformed.append(
                        .init(
                            reason: "item \(count) of the list of \(resource.plural): \(error)",
                            uid: identity?["metadata"]?["uid"]?.string ?? ""))
                    count += 1
                }
            } catch {
                throw noJSON(error)
            }
            if chunk == nil { break }
        }
        let metadata = reader.envelope["metadata"]
        page.resourceVersion = metadata?["resourceVersion"]?.string ?? ""
        if let next = metadata?["continue"]?.string, !next.isEmpty { page.next = next }
        return page
    }

    /// An object that a server has at a path of its own.
    /// - Throws: ``APIError``, ``ConnectionError``.
    public func get(
        _ resource: Resource, at path: String, query: [(String, String)] = []
    ) async throws -> KubernetesObject {
        try await object(of: send(.GET, path, query: query), resource)
    }

    /// One object.
    /// - Throws: ``APIError``, ``ConnectionError``.
    public func get(_ resource: Resource, namespace: String? = nil, name: String) async throws -> KubernetesObject {
        let response = try await send(.GET, resource.path(namespace: namespace, name: name))
        return try await object(of: response, resource)
    }

    private func object(of response: HTTPClientResponse, _ resource: Resource) async throws -> KubernetesObject {
        do {
            return try KubernetesObject(try await value(of: response), resource: resource)
        } catch let error as KubernetesObject.Malformed {
            throw ConnectionError(address: configuration.server, reason: error.description)
        }
    }

    /// Changes an object by a JSON merge patch (RFC 7386).
    ///
    /// A patch without `metadata.resourceVersion` can only conflict within the server, which is worth
    /// trying again; one with it is refused with 409 when the object has changed.
    /// - Throws: ``APIError``, ``ConnectionError``.
    @discardableResult
    public func mergePatch(
        _ resource: Resource, namespace: String? = nil, name: String, _ patch: JSONValue
    ) async throws -> KubernetesObject {
        let isConditional = patch["metadata"]?["resourceVersion"] != nil
        var attempt = 0
        while true {
            do {
                let response = try await send(
                    .PATCH, resource.path(namespace: namespace, name: name), body: patch,
                    contentType: "application/merge-patch+json")
                return try await object(of: response, resource)
            } catch let error as APIError where error.isConflict && !isConditional && attempt < 5 {
                attempt += 1
                try await Task.sleep(for: .milliseconds(50 << attempt))
            }
        }
    }

    /// Changes an object by a patch made from its newest state; made anew when another was faster.
    /// - Parameter change: the merge patch for an object; `nil` for none.
    /// - Throws: ``APIError``, ``ConnectionError``.
    public func modify(
        _ resource: Resource, namespace: String? = nil, name: String,
        _ change: (KubernetesObject) -> JSONValue?
    ) async throws {
        var attempt = 0
        while true {
            let current = try await get(resource, namespace: namespace, name: name)
            guard var patch = change(current)?.object else { return }
            var metadata = patch["metadata"]?.object ?? JSONObject()
            metadata["resourceVersion"] = .string(current.resourceVersion)
            patch["metadata"] = .object(metadata)
            do {
                _ = try await mergePatch(resource, namespace: namespace, name: name, .object(patch))
                return
            } catch let error as APIError where error.isConflict && attempt < 5 {
                attempt += 1
                try await Task.sleep(for: .milliseconds(50 << attempt))
            }
        }
    }

    /// Makes an object.
    /// - Throws: ``APIError``, ``ConnectionError``.
    @discardableResult
    public func create(
        _ resource: Resource, namespace: String? = nil, _ body: JSONValue
    ) async throws -> KubernetesObject {
        let response = try await send(.POST, resource.path(namespace: namespace), body: body)
        return try await object(of: response, resource)
    }

    /// Opens a watch.
    /// - Throws: ``APIError``, ``ConnectionError``.
    func watch(
        _ resource: Resource, namespace: String?, labelSelector: String?, from resourceVersion: String,
        fields: JSONProjection
    ) async throws -> WatchStream {
        var query = [
            ("watch", "1"), ("resourceVersion", resourceVersion), ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", String(max(1, watchTimeout.components.seconds))),
        ]
        if let labelSelector { query.append(("labelSelector", labelSelector)) }
        let response = try await send(
            .GET, resource.path(namespace: namespace), query: query, by: watches)
        return WatchStream(response.body, resource: resource, fields: fields)
    }

    // MARK: Discovery

    /// What the server serves, in one request; of servers before 1.26, which do not tell it so, only the groups
    /// with their versions.
    /// - Throws: ``APIError``, ``ConnectionError``.
    public func discover() async throws -> Discovery {
        let response = try await send(.GET, "/apis", accept: Discovery.accepted)
        return Discovery(try await value(of: response))
    }
}
