import GRPCCore
import GRPCProtobuf
import MetadataAPI
import MetadataStore
import SwiftProtobuf

/// `ml_metadata.MetadataStoreService` on a store. What is not registered answers UNIMPLEMENTED:
/// GetLineageGraph, as in the original.
struct GRPCFace: RegistrableRPCService {
    private typealias Method = MlMetadata_MetadataStoreService.Method

    let store: MetadataStore

    private func register<Request: Message, Response: Message>(
        _ router: inout RPCRouter<some ServerTransport>, _ method: MethodDescriptor,
        _ handler: @escaping @Sendable (Request) async throws -> Response
    ) {
        router.registerHandler(
            forMethod: method, deserializer: ProtobufDeserializer<Request>(),
            serializer: ProtobufSerializer<Response>()
        ) { request, _ in
            var iterator = request.messages.makeAsyncIterator()
            guard let message = try await iterator.next() else {
                throw RPCError(code: .invalidArgument, message: "The request has no message.")
            }
            let response = try await handler(message)
            return StreamingServerResponse(single: ServerResponse(message: response))
        }
    }

    private func read<Request: Message, Response: Message>(
        _ router: inout RPCRouter<some ServerTransport>, _ method: MethodDescriptor,
        _ body: @escaping @Sendable (Transaction) -> (Request) throws -> Response
    ) {
        register(&router, method) { request in try await store.read { try body($0)(request) } }
    }

    private func write<Request: Message, Response: Message>(
        _ router: inout RPCRouter<some ServerTransport>, _ method: MethodDescriptor,
        _ body: @escaping @Sendable (Transaction) -> (Request) throws -> Response
    ) {
        register(&router, method) { request in try await store.write { try body($0)(request) } }
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        write(&router, Method.PutArtifactType.descriptor) { $0.putArtifactType }
        write(&router, Method.PutExecutionType.descriptor) { $0.putExecutionType }
        write(&router, Method.PutContextType.descriptor) { $0.putContextType }
        write(&router, Method.PutTypes.descriptor) { $0.putTypes }
        write(&router, Method.PutArtifacts.descriptor) { $0.putArtifacts }
        write(&router, Method.PutExecutions.descriptor) { $0.putExecutions }
        write(&router, Method.PutEvents.descriptor) { $0.putEvents }
        write(&router, Method.PutExecution.descriptor) { $0.putExecution }
        write(&router, Method.PutLineageSubgraph.descriptor) { $0.putLineageSubgraph }
        write(&router, Method.PutContexts.descriptor) { $0.putContexts }
        write(&router, Method.PutAttributionsAndAssociations.descriptor) { $0.putAttributionsAndAssociations }
        write(&router, Method.PutParentContexts.descriptor) { $0.putParentContexts }
        read(&router, Method.GetArtifactType.descriptor) { $0.getArtifactType }
        read(&router, Method.GetArtifactTypesByID.descriptor) { $0.getArtifactTypesByID }
        read(&router, Method.GetArtifactTypes.descriptor) { $0.getArtifactTypes }
        read(&router, Method.GetExecutionType.descriptor) { $0.getExecutionType }
        read(&router, Method.GetExecutionTypesByID.descriptor) { $0.getExecutionTypesByID }
        read(&router, Method.GetExecutionTypes.descriptor) { $0.getExecutionTypes }
        read(&router, Method.GetContextType.descriptor) { $0.getContextType }
        read(&router, Method.GetContextTypesByID.descriptor) { $0.getContextTypesByID }
        read(&router, Method.GetContextTypes.descriptor) { $0.getContextTypes }
        read(&router, Method.GetArtifacts.descriptor) { $0.getArtifacts }
        read(&router, Method.GetExecutions.descriptor) { $0.getExecutions }
        read(&router, Method.GetContexts.descriptor) { $0.getContexts }
        read(&router, Method.GetArtifactsByID.descriptor) { $0.getArtifactsByID }
        read(&router, Method.GetExecutionsByID.descriptor) { $0.getExecutionsByID }
        read(&router, Method.GetContextsByID.descriptor) { $0.getContextsByID }
        read(&router, Method.GetArtifactsByType.descriptor) { $0.getArtifactsByType }
        read(&router, Method.GetExecutionsByType.descriptor) { $0.getExecutionsByType }
        read(&router, Method.GetContextsByType.descriptor) { $0.getContextsByType }
        read(&router, Method.GetArtifactByTypeAndName.descriptor) { $0.getArtifactByTypeAndName }
        read(&router, Method.GetExecutionByTypeAndName.descriptor) { $0.getExecutionByTypeAndName }
        read(&router, Method.GetContextByTypeAndName.descriptor) { $0.getContextByTypeAndName }
        read(&router, Method.GetArtifactsByURI.descriptor) { $0.getArtifactsByURI }
        read(&router, Method.GetEventsByExecutionIDs.descriptor) { $0.getEventsByExecutionIDs }
        read(&router, Method.GetEventsByArtifactIDs.descriptor) { $0.getEventsByArtifactIDs }
        read(&router, Method.GetArtifactsByExternalIds.descriptor) { $0.getArtifactsByExternalIds }
        read(&router, Method.GetExecutionsByExternalIds.descriptor) { $0.getExecutionsByExternalIds }
        read(&router, Method.GetContextsByExternalIds.descriptor) { $0.getContextsByExternalIds }
        read(&router, Method.GetArtifactTypesByExternalIds.descriptor) { $0.getArtifactTypesByExternalIds }
        read(&router, Method.GetExecutionTypesByExternalIds.descriptor) { $0.getExecutionTypesByExternalIds }
        read(&router, Method.GetContextTypesByExternalIds.descriptor) { $0.getContextTypesByExternalIds }
        read(&router, Method.GetContextsByArtifact.descriptor) { $0.getContextsByArtifact }
        read(&router, Method.GetContextsByExecution.descriptor) { $0.getContextsByExecution }
        read(&router, Method.GetParentContextsByContext.descriptor) { $0.getParentContextsByContext }
        read(&router, Method.GetChildrenContextsByContext.descriptor) { $0.getChildrenContextsByContext }
        read(&router, Method.GetParentContextsByContexts.descriptor) { $0.getParentContextsByContexts }
        read(&router, Method.GetChildrenContextsByContexts.descriptor) { $0.getChildrenContextsByContexts }
        read(&router, Method.GetArtifactsByContext.descriptor) { $0.getArtifactsByContext }
        read(&router, Method.GetExecutionsByContext.descriptor) { $0.getExecutionsByContext }
        read(&router, Method.GetLineageSubgraph.descriptor) { $0.getLineageSubgraph }
    }
}
