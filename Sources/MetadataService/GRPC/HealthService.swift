import GRPCCore
import MetadataAPI
import MetadataStore

/// `grpc.health.v1.Health`: the server serves while its store can be read.
struct HealthService: Grpc_Health_V1_Health.SimpleServiceProtocol {
    private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    let store: MetadataStore
    /// How often ``watch(request:response:context:)`` looks.
    var interval: Duration = .seconds(5)

    private static let services: Set<String> = ["", MlMetadata_MetadataStoreService.descriptor.fullyQualifiedService]

    private var status: Status {
        do {
            try store.checkHealth()
            return .serving
        } catch {
            return .notServing
        }
    }

    func check(
        request: Grpc_Health_V1_HealthCheckRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard Self.services.contains(request.service) else {
            throw RPCError(code: .notFound, message: "There is no service \(request.service).")
        }
        let status = status
        return .with { $0.status = status }
    }

    func watch(
        request: Grpc_Health_V1_HealthCheckRequest,
        response: RPCWriter<Grpc_Health_V1_HealthCheckResponse>, context: ServerContext
    ) async throws {
        let isKnown = Self.services.contains(request.service)
        var last: Status?
        while !context.cancellation.isCancelled {
            let status = isKnown ? self.status : .serviceUnknown
            if status != last { try await response.write(.with { $0.status = status }) }
            last = status
            let interval = self.interval
            // A watch would hold up the server's graceful end: it ends with it.
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await Task.sleep(for: interval) }
                group.addTask { try? await context.cancellation.cancelled }
                await group.next()
                group.cancelAll()
            }
        }
    }
}
