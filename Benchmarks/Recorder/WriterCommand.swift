import ArgumentParser
import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import MetadataAPI
import Recorder
import Synchronization

/// A bare writer: sends the batches that the recorder would write for a backlog, made before the clock
/// starts. What it takes is what the store takes.
struct WriterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "writer", abstract: "Send ready-made batches of a backlog to a store.")

    @Option(help: "How many pods.") var pods: Int
    @Option(help: "An empty store in which the batches are made, as HOST:PORT.") var prepare: String
    @Option(help: "The empty store that is measured.") var metadata: String

    func run() async throws {
        let made = Made()
        try await Self.withClient(prepare) { client in
            let writer = BatchWriter(Remembering(client: client, made: made))
            let capture = Capture(cluster: "bench")
            for start in stride(from: 0, to: pods, by: 200) {
                let batch = try (start..<min(start + 200, pods)).flatMap { number in
                    capture(try KubernetesObject(BenchPod(number: number).object(), resource: .pods)).executions
                }
                _ = try await writer.write(batch)
            }
        }
        let calls = made.calls.withLock { $0 }
        try await Self.withClient(metadata) { client in
            let time = try await ContinuousClock().measure {
                for call in calls { try await call.send(to: client) }
            }
            print("\(calls.count) calls, \(time / .seconds(1)) seconds")
        }
    }

    private static func withClient(_ address: String, _ body: (MetadataClient) async throws -> Void) async throws {
        let parts = address.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]) else { throw ValidationError("\(address): no HOST:PORT") }
        let client = try MetadataClient(host: String(parts[0]), port: port)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            try await body(client)
            client.close()
        }
    }

    /// A write, ready to be sent.
    private enum Call: Sendable {
        case types(MlMetadata_PutTypesRequest)
        case subgraph(MlMetadata_PutLineageSubgraphRequest)
        case links(MlMetadata_PutAttributionsAndAssociationsRequest)
        case parents(MlMetadata_PutParentContextsRequest)
        case contexts(MlMetadata_PutContextsRequest)

        func send(to client: MetadataClient) async throws {
            switch self {
            case .types(let request): _ = try await client.putTypes(request)
            case .subgraph(let request): _ = try await client.putLineageSubgraph(request)
            case .links(let request): _ = try await client.putAttributionsAndAssociations(request)
            case .parents(let request): _ = try await client.putParentContexts(request)
            case .contexts(let request): _ = try await client.putContexts(request)
            }
        }
    }

    private final class Made: Sendable {
        let calls = Mutex<[Call]>([])
        func add(_ call: Call) { calls.withLock { $0.append(call) } }
    }

    /// A store that remembers what is written.
    private struct Remembering: MetadataBackend {
        let client: MetadataClient
        let made: Made

        func putTypes(_ request: MlMetadata_PutTypesRequest) async throws -> MlMetadata_PutTypesResponse {
            made.add(.types(request))
            return try await client.putTypes(request)
        }
        func putLineageSubgraph(
            _ request: MlMetadata_PutLineageSubgraphRequest
        ) async throws -> MlMetadata_PutLineageSubgraphResponse {
            made.add(.subgraph(request))
            return try await client.putLineageSubgraph(request)
        }
        func putAttributionsAndAssociations(
            _ request: MlMetadata_PutAttributionsAndAssociationsRequest
        ) async throws -> MlMetadata_PutAttributionsAndAssociationsResponse {
            made.add(.links(request))
            return try await client.putAttributionsAndAssociations(request)
        }
        func putParentContexts(
            _ request: MlMetadata_PutParentContextsRequest
        ) async throws -> MlMetadata_PutParentContextsResponse {
            made.add(.parents(request))
            return try await client.putParentContexts(request)
        }
        func getExecutionsByExternalIds(
            _ request: MlMetadata_GetExecutionsByExternalIdsRequest
        ) async throws -> MlMetadata_GetExecutionsByExternalIdsResponse {
            try await client.getExecutionsByExternalIds(request)
        }
        func getExecutionsByID(
            _ request: MlMetadata_GetExecutionsByIDRequest
        ) async throws -> MlMetadata_GetExecutionsByIDResponse { try await client.getExecutionsByID(request) }
        func getArtifactsByURI(
            _ request: MlMetadata_GetArtifactsByURIRequest
        ) async throws -> MlMetadata_GetArtifactsByURIResponse { try await client.getArtifactsByURI(request) }
        func getArtifactsByID(
            _ request: MlMetadata_GetArtifactsByIDRequest
        ) async throws -> MlMetadata_GetArtifactsByIDResponse { try await client.getArtifactsByID(request) }
        func getArtifactsByExternalIds(
            _ request: MlMetadata_GetArtifactsByExternalIdsRequest
        ) async throws -> MlMetadata_GetArtifactsByExternalIdsResponse {
            try await client.getArtifactsByExternalIds(request)
        }
        func getEventsByExecutionIDs(
            _ request: MlMetadata_GetEventsByExecutionIDsRequest
        ) async throws -> MlMetadata_GetEventsByExecutionIDsResponse {
            try await client.getEventsByExecutionIDs(request)
        }
        func getEventsByArtifactIDs(
            _ request: MlMetadata_GetEventsByArtifactIDsRequest
        ) async throws -> MlMetadata_GetEventsByArtifactIDsResponse {
            try await client.getEventsByArtifactIDs(request)
        }
        func getExecutionsByContext(
            _ request: MlMetadata_GetExecutionsByContextRequest
        ) async throws -> MlMetadata_GetExecutionsByContextResponse {
            try await client.getExecutionsByContext(request)
        }
        func getContextByTypeAndName(
            _ request: MlMetadata_GetContextByTypeAndNameRequest
        ) async throws -> MlMetadata_GetContextByTypeAndNameResponse {
            try await client.getContextByTypeAndName(request)
        }
        func getContextsByID(
            _ request: MlMetadata_GetContextsByIDRequest
        ) async throws -> MlMetadata_GetContextsByIDResponse { try await client.getContextsByID(request) }
        func putContexts(_ request: MlMetadata_PutContextsRequest) async throws -> MlMetadata_PutContextsResponse {
            made.add(.contexts(request))
            return try await client.putContexts(request)
        }
        func getLineageSubgraph(
            _ request: MlMetadata_GetLineageSubgraphRequest
        ) async throws -> MlMetadata_GetLineageSubgraphResponse { try await client.getLineageSubgraph(request) }
    }
}
