public import Kubernetes

/// The Argo server (Argo Workflows 2.12 to 4.1): where Workflows are whole of which the controller keeps the
/// nodes in its database, and those that were archived and deleted.
public struct ArgoServer: Sendable {
    private let client: APIClient

    /// - Parameter client: of the Argo server's address. Its token must be allowed to get Workflows.
    public init(_ client: APIClient) { self.client = client }

    /// What the server has of a Workflow.
    enum Answer {
        case live(KubernetesObject)
        /// It is gone, and nothing more happens to it.
        case archived(KubernetesObject)
        /// It is there, but its nodes are not yet: it was started again.
        case withoutNodes
        case missing
    }

    /// A Workflow with its nodes.
    /// - Throws: `APIError`, `ConnectionError`, `ConfigurationError`.
    func workflow(_ name: String, namespace: String, uid: String) async throws -> Answer {
        let live = try await get(
            "/api/v1/workflows/\(Resource.encode(namespace))/\(Resource.encode(name))",
            [("fields", "-metadata.managedFields")])
        // Another may have the name by now.
        if let live, live.uid == uid { return live.raw["status"]?["nodes"] == nil ? .withoutNodes : .live(live) }
        let archived = try await get("/api/v1/archived-workflows/\(Resource.encode(uid))", [])
        return archived.flatMap { $0.uid == uid ? .archived($0) : nil } ?? .missing
    }

    private func get(_ path: String, _ query: [(String, String)]) async throws -> KubernetesObject? {
        do {
            // Live ones come without `apiVersion` and `kind`.
            return try await client.get(.workflows, at: path, query: query)
        } catch let error as APIError where error.isNotFound || Self.noArchive.contains(error.message) {
            return nil
        }
    }

    /// What servers answer, with 500, that keep no archive (workflow/persist/sqldb, all versions).
    private static let noArchive: Set<String> = ["getting archived workflows not supported"]

    /// Closes all connections.
    public func shutdown() async { await client.shutdown() }
}
