import Kubernetes
import Logging
import Recorder

/// The cluster's name within identities.
enum ClusterName {
    /// A server that has just started answers 403 to everybody until it has loaded its roles: a second or so. One that
    /// says so for longer means it.
    private static let loadingOfRoles: Duration = .seconds(10)

    /// As given, else the uid of kube-system. A server that cannot be reached is an error at once; one that answers but
    /// forbids is not.
    /// - Throws: ``Failure``; the client is shut down then.
    static func find(_ given: String?, _ client: APIClient, _ logger: Logger) async throws -> String {
        if let name = Settings.value(given, "KFMD_CLUSTER") { return name }
        let end = ContinuousClock.now + loadingOfRoles
        while true {
            do {
                return try await Recorder.clusterName(client)
            } catch let error as APIError where error.isUnauthorized {
                await client.shutdown()
                throw Failure.runtime("\(client.configuration.server): \(error)")
            } catch let error as APIError {
                // Under another name all would be recorded again.
                if ContinuousClock.now < end {
                    try? await Task.sleep(for: .milliseconds(500))
                    continue
                }
                logger.warning(
                    "the namespace kube-system may not be read: the cluster is named “default”; give --cluster",
                    metadata: ["reason": "\(error)"])
                return "default"
            } catch {
                await client.shutdown()
                throw Failure.runtime("\(error)")
            }
        }
    }
}
