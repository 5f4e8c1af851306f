public import Kubernetes

/// The Argo server (Argo Workflows 2.12 to 4.1): where Workflows are whole of which the controller keeps the
/// nodes in its database, and those that were archived and deleted.
public struct ArgoServer: Sendable {
    private let client: APIClient

    /// - Parameter client: of the Argo server's address. Its token must be allowed to get Workflows.
    public init(_ client: APIClient) { self.client = client }

    /// A Workflow with its nodes, and whether it is the archive's; `nil` where neither the server nor its archive
    /// has it.
    /// - Throws: `APIError`, `ConnectionError`.
    func workflow(
        _ name: String, namespace: String, uid: String
    ) async throws -> (object: KubernetesObject, isArchived: Bool)? {
        let live = try await get(
            "/api/v1/workflows/\(Resource.encode(namespace))/\(Resource.encode(name))",
            [("fields", "-metadata.managedFields")])
        // Another may have the name by now.
        if let live, live.uid == uid, live.raw["status"]?["nodes"] != nil { return (live, false) }
        guard let archived = try await get("/api/v1/archived-workflows/\(Resource.encode(uid))", []),
            archived.uid == uid
        else {
            return nil
        }
        return (archived, true)
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
