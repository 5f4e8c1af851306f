import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import MetadataAPI
import MetadataStore
import SwiftProtobuf

/// One unary RPC on a store, for the faces that speak it: gRPC and gRPC-Web.
protocol StoreMethod: Sendable {
    var descriptor: MethodDescriptor { get }
    func register(
        with router: inout RPCRouter<some ServerTransport>, _ shutdown: CancellationFlag, _ metrics: ServiceMetrics)
    /// Answers a serialized message with a serialized message.
    func answer(_ message: [UInt8]) async throws -> [UInt8]
}

private struct UnaryMethod<Request: Message, Response: Message>: StoreMethod {
    let descriptor: MethodDescriptor
    let handler: @Sendable (Request, CancellationFlag) async throws -> Response

    func register(
        with router: inout RPCRouter<some ServerTransport>, _ shutdown: CancellationFlag, _ metrics: ServiceMetrics
    ) {
        router.registerHandler(
            forMethod: descriptor, deserializer: BoundedDeserializer<Request>(),
            serializer: ProtobufSerializer<Response>()
        ) { [handler, descriptor] request, _ in
            var iterator = request.messages.makeAsyncIterator()
            guard let message = try await iterator.next() else {
                throw RPCError(code: .invalidArgument, message: "The request has no message.")
            }
            let cancellation = CancellationFlag()
            let deadline = GRPCTimeout(request.metadata).map { ContinuousClock.now + $0.duration }
            let response = try await withRPCCancellationHandler {
                do {
                    return try await metrics.counting(.grpc, descriptor.method) {
                        try await handler(message, cancellation)
                    }
                } catch let error as StatusError where error.code == .cancelled {
                    // The client's clock may be a little behind: it should not see a cancellation.
                    throw deadline.map { $0 <= .now } == true ? StatusError.deadlineExceeded : error
                }
            } onCancelRPC: {
                // It is said to all when the server stops; but what was taken is finished then.
                if !shutdown.isSet { cancellation.set() }
            }
            return StreamingServerResponse(single: ServerResponse(message: response))
        }
    }

    func answer(_ message: [UInt8]) async throws -> [UInt8] {
        try message.withUnsafeBytes { try FieldCount.check($0, of: Request.protoMessageName) }
        let request: Request
        do {
            request = try Request(serializedBytes: message)
        } catch {
            throw StatusError(
                .invalidArgument, "The message is no \(Request.protoMessageName): \(error)")
        }
        return try await handler(request, CancellationFlag()).serializedBytes()
    }
}

/// `ml_metadata.MetadataStoreService` on a store. What is not here answers UNIMPLEMENTED:
/// GetLineageGraph, as in the original.
struct StoreMethods: Sendable {
    private typealias Method = MlMetadata_MetadataStoreService.Method

    let store: MetadataStore
    let metrics: ServiceMetrics
    /// Set when the server begins to stop.
    let shutdown = CancellationFlag()

    private func read<Request: Message, Response: Message>(
        _ descriptor: MethodDescriptor,
        _ body: @escaping @Sendable (Transaction) -> (Request) throws -> Response
    ) -> any StoreMethod {
        UnaryMethod(descriptor: descriptor) { (request: Request, cancellation) in
            try await store.read(cancellation: cancellation) { try body($0)(request) }
        }
    }

    private func write<Request: Message, Response: Message>(
        _ descriptor: MethodDescriptor,
        _ body: @escaping @Sendable (Transaction) -> (Request) throws -> Response
    ) -> any StoreMethod {
        UnaryMethod(descriptor: descriptor) { (request: Request, cancellation) in
            try await store.write(cancellation: cancellation, for: request) { try body($0)(request) }
        }
    }

    var all: [any StoreMethod] {
        [
            write(Method.PutArtifactType.descriptor) { $0.putArtifactType },
            write(Method.PutExecutionType.descriptor) { $0.putExecutionType },
            write(Method.PutContextType.descriptor) { $0.putContextType },
            write(Method.PutTypes.descriptor) { $0.putTypes },
            write(Method.PutArtifacts.descriptor) { $0.putArtifacts },
            write(Method.PutExecutions.descriptor) { $0.putExecutions },
            write(Method.PutEvents.descriptor) { $0.putEvents },
            write(Method.PutExecution.descriptor) { $0.putExecution },
            write(Method.PutLineageSubgraph.descriptor) { $0.putLineageSubgraph },
            write(Method.PutContexts.descriptor) { $0.putContexts },
            write(Method.PutAttributionsAndAssociations.descriptor) { $0.putAttributionsAndAssociations },
            write(Method.PutParentContexts.descriptor) { $0.putParentContexts },
            read(Method.GetArtifactType.descriptor) { $0.getArtifactType },
            read(Method.GetArtifactTypesByID.descriptor) { $0.getArtifactTypesByID },
            read(Method.GetArtifactTypes.descriptor) { $0.getArtifactTypes },
            read(Method.GetExecutionType.descriptor) { $0.getExecutionType },
            read(Method.GetExecutionTypesByID.descriptor) { $0.getExecutionTypesByID },
            read(Method.GetExecutionTypes.descriptor) { $0.getExecutionTypes },
            read(Method.GetContextType.descriptor) { $0.getContextType },
            read(Method.GetContextTypesByID.descriptor) { $0.getContextTypesByID },
            read(Method.GetContextTypes.descriptor) { $0.getContextTypes },
            read(Method.GetArtifacts.descriptor) { $0.getArtifacts },
            read(Method.GetExecutions.descriptor) { $0.getExecutions },
            read(Method.GetContexts.descriptor) { $0.getContexts },
            read(Method.GetArtifactsByID.descriptor) { $0.getArtifactsByID },
            read(Method.GetExecutionsByID.descriptor) { $0.getExecutionsByID },
            read(Method.GetContextsByID.descriptor) { $0.getContextsByID },
            read(Method.GetArtifactsByType.descriptor) { $0.getArtifactsByType },
            read(Method.GetExecutionsByType.descriptor) { $0.getExecutionsByType },
            read(Method.GetContextsByType.descriptor) { $0.getContextsByType },
            read(Method.GetArtifactByTypeAndName.descriptor) { $0.getArtifactByTypeAndName },
            read(Method.GetExecutionByTypeAndName.descriptor) { $0.getExecutionByTypeAndName },
            read(Method.GetContextByTypeAndName.descriptor) { $0.getContextByTypeAndName },
            read(Method.GetArtifactsByURI.descriptor) { $0.getArtifactsByURI },
            read(Method.GetEventsByExecutionIDs.descriptor) { $0.getEventsByExecutionIDs },
            read(Method.GetEventsByArtifactIDs.descriptor) { $0.getEventsByArtifactIDs },
            read(Method.GetArtifactsByExternalIds.descriptor) { $0.getArtifactsByExternalIds },
            read(Method.GetExecutionsByExternalIds.descriptor) { $0.getExecutionsByExternalIds },
            read(Method.GetContextsByExternalIds.descriptor) { $0.getContextsByExternalIds },
            read(Method.GetArtifactTypesByExternalIds.descriptor) { $0.getArtifactTypesByExternalIds },
            read(Method.GetExecutionTypesByExternalIds.descriptor) { $0.getExecutionTypesByExternalIds },
            read(Method.GetContextTypesByExternalIds.descriptor) { $0.getContextTypesByExternalIds },
            read(Method.GetContextsByArtifact.descriptor) { $0.getContextsByArtifact },
            read(Method.GetContextsByExecution.descriptor) { $0.getContextsByExecution },
            read(Method.GetParentContextsByContext.descriptor) { $0.getParentContextsByContext },
            read(Method.GetChildrenContextsByContext.descriptor) { $0.getChildrenContextsByContext },
            read(Method.GetParentContextsByContexts.descriptor) { $0.getParentContextsByContexts },
            read(Method.GetChildrenContextsByContexts.descriptor) { $0.getChildrenContextsByContexts },
            read(Method.GetArtifactsByContext.descriptor) { $0.getArtifactsByContext },
            read(Method.GetExecutionsByContext.descriptor) { $0.getExecutionsByContext },
            read(Method.GetLineageSubgraph.descriptor) { $0.getLineageSubgraph },
            write(Kfmd_V1_Amending.Method.Amend.descriptor) { $0.amend },
            read(Kfmd_V1_Amending.Method.FindAt.descriptor) { $0.findAt },
            read(Kfmd_V1_Amending.Method.FindBelow.descriptor) { $0.findBelow },
            read(Kfmd_V1_Amending.Method.LastReads.descriptor) { $0.lastReads },
        ]
    }
}

extension StoreMethods: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for method in all { method.register(with: &router, shutdown, metrics) }
    }
}
