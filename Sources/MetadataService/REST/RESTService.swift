import JSON
import MetadataAPI
import MetadataStore

/// What the routes of the REST API do: the methods of `api.MetadataService`, of which each answers
/// with the text of a JSON object.
struct RESTService: Sendable {
    private typealias Kind = RESTRoute.Kind

    let store: MetadataStore

    /// Which part of a list is asked for: parameters of the query that the original does not have, named as in
    /// MLMD's ListOperationOptions. Without them a list is whole.
    struct Page {
        var size: String?
        var token: String?

        /// - Throws: ``RESTError``.
        func options() throws -> MlMetadata_ListOperationOptions? {
            if size == nil, token == nil { return nil }
            guard let number = Int32(size ?? "100"), number > 0 else {
                throw RESTError.refused("max_result_size \(size?.prefix(40) ?? ""): should be a number above 0")
            }
            return .with {
                $0.maxResultSize = number
                if let token { $0.nextPageToken = token }
            }
        }
    }

    /// - Parameters:
    ///   - name: the query's parameter `name`.
    /// - Throws: ``RESTError``.
    func answer(
        _ route: RESTRoute, body: [UInt8], name: String?, page: Page = Page()
    ) async throws -> String {
        do {
            return try await respond(route, body, name, page)
        } catch let error as StatusError {
            throw RESTError.refused(error.message)
        }
    }

    private func respond(
        _ route: RESTRoute, _ body: [UInt8], _ name: String?, _ page: Page
    ) async throws -> String {
        switch route {
        case .createInstance(.artifact, let type):
            try await create(MlMetadata_Artifact(restBody: body), .artifact, type)
        case .createInstance(.execution, let type):
            try await create(MlMetadata_Execution(restBody: body), .execution, type)
        case .instance(let kind, let name): try await instance(kind, try Self.id(in: name, kind))
        case .instancesOfType(let kind, let type): try await instances(kind, ofType: type, page.options())
        case .instances(let kind):
            try await instances(kind, ofType: name.map { Self.unprefixed($0, kind) }, page.options())
        case .createType(let kind): try await putType(kind, body, canAddFields: false)
        case .updateType(let kind): try await putType(kind, body, canAddFields: true)
        case .types(let kind): try await types(kind)
        case .type(let kind, let name): try await type(kind, name)
        case .createEvent: try await createEvent(body)
        case .events(let kind, let name): try await events(kind, name)
        case .deleteInstance(let kind): throw RESTError.refused("not implemented error: Delete\(kind.word)")
        case .deleteType(let kind): throw RESTError.refused("not implemented error: Delete\(kind.word)Type")
        }
    }

    // MARK: JSON

    private static func object(_ members: [(key: String, text: String)]) -> String {
        "{" + members.map { "\"\($0.key)\":\($0.text)" }.joined(separator: ",") + "}"
    }

    /// A list; left out when it is empty.
    private static func list(
        _ key: String, _ messages: [some RESTMessage], next: String = ""
    ) throws -> String {
        guard !messages.isEmpty else { return "{}" }
        let token = next.isEmpty ? [] : [(key: "next_page_token", text: JSONValue.string(next).jsonText())]
        return object([(key, try array(messages))] + token)
    }

    private static func array(_ messages: [some RESTMessage]) throws -> String {
        "[" + (try messages.map { try $0.restText() }.joined(separator: ",")) + "]"
    }

    // MARK: Artifacts and executions

    private func create(_ artifact: MlMetadata_Artifact, _ kind: Kind, _ type: String) async throws -> String {
        guard !artifact.hasID else { throw RESTError.refused("id should remain unspecified when creating Artifact") }
        let stored = try await store.write { transaction in
            var artifact = artifact
            artifact.typeID = try Self.typeID(kind, type, transaction)
            let ids = try transaction.putArtifacts(.with { $0.artifacts = [artifact] }).artifactIds
            return try transaction.getArtifactsByID(.with { $0.artifactIds = ids }).artifacts
        }
        return Self.object([("artifact", try stored.first?.restText() ?? "{}")])
    }

    private func create(_ execution: MlMetadata_Execution, _ kind: Kind, _ type: String) async throws -> String {
        guard !execution.hasID else { throw RESTError.refused("id should remain unspecified when creating Execution") }
        let stored = try await store.write { transaction in
            var execution = execution
            execution.typeID = try Self.typeID(kind, type, transaction)
            let ids = try transaction.putExecutions(.with { $0.executions = [execution] }).executionIds
            return try transaction.getExecutionsByID(.with { $0.executionIds = ids }).executions
        }
        return Self.object([("execution", try stored.first?.restText() ?? "{}")])
    }

    private static func typeID(_ kind: Kind, _ name: String, _ transaction: Transaction) throws -> Int64 {
        do {
            switch kind {
            case .artifact:
                return try transaction.getArtifactType(.with { $0.typeName = name }).artifactType.id
            case .execution:
                return try transaction.getExecutionType(.with { $0.typeName = name }).executionType.id
            }
        } catch let error as StatusError where error.code == .notFound {
            throw StatusError(
                error.code, "failed to resolve \(kind.word)Type under \"\(kind.types)/\(name)\": \(error.message)")
        }
    }

    private func instance(_ kind: Kind, _ id: Int64) async throws -> String {
        switch kind {
        case .artifact:
            let found = try await store.read { transaction in
                try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts.first
            }
            guard let found else {
                throw RESTError.refused("internal error: expecting single new Artifact id, got instead : []")
            }
            return Self.object([("artifact", try found.restText())])
        case .execution:
            let found = try await store.read { transaction in
                try transaction.getExecutionsByID(.with { $0.executionIds = [id] }).executions.first
            }
            guard let found else {
                throw RESTError.refused("internal error: expecting single Execution, got instead : []")
            }
            return Self.object([("execution", try found.restText())])
        }
    }

    private func instances(
        _ kind: Kind, ofType type: String?, _ options: MlMetadata_ListOperationOptions?
    ) async throws -> String {
        switch kind {
        case .artifact:
            let (found, next) = try await store.read { transaction in
                guard let type, !type.isEmpty else {
                    let answer = try transaction.getArtifacts(.with { if let options { $0.options = options } })
                    return (answer.artifacts, answer.nextPageToken)
                }
                let answer = try transaction.getArtifactsByType(
                    .with {
                        $0.typeName = type
                        if let options { $0.options = options }
                    })
                return (answer.artifacts, answer.nextPageToken)
            }
            return try Self.list("artifacts", found, next: next)
        case .execution:
            let (found, next) = try await store.read { transaction in
                guard let type, !type.isEmpty else {
                    let answer = try transaction.getExecutions(.with { if let options { $0.options = options } })
                    return (answer.executions, answer.nextPageToken)
                }
                let answer = try transaction.getExecutionsByType(
                    .with {
                        $0.typeName = type
                        if let options { $0.options = options }
                    })
                return (answer.executions, answer.nextPageToken)
            }
            return try Self.list("executions", found, next: next)
        }
    }

    /// The id at the end of a name: as the service's pattern, which is not anchored, finds it.
    static func id(in name: String, _ kind: RESTRoute.Kind) throws -> Int64 {
        let pattern = "\(kind.types)/.*/\(kind.instances)/([0-9]+)"
        guard let start = name.firstRange(of: "\(kind.types)/"),
            let end = name.ranges(of: "/\(kind.instances)/").last(where: {
                $0.lowerBound >= start.upperBound && name[$0.upperBound...].first?.isASCIIDigit == true
            })
        else { throw RESTError.refused("malformed \(kind.word) name \"\(name)\". Must match pattern \"\(pattern)\"") }
        let digits = name[end.upperBound...].prefix(while: \.isASCIIDigit)
        guard let id = Int64(digits) else {
            throw RESTError.refused(
                "failed to parse \(kind.word) id from \"\(digits)\" : strconv.ParseInt: parsing \"\(digits)\": value out of range"
            )
        }
        return id
    }

    // MARK: Types

    private static func unprefixed(_ name: String, _ kind: Kind) -> String {
        name.hasPrefix("\(kind.types)/") ? String(name.dropFirst(kind.types.count + 1)) : name
    }

    private func putType(_ kind: Kind, _ body: [UInt8], canAddFields: Bool) async throws -> String {
        switch kind {
        case .artifact:
            let type = try MlMetadata_ArtifactType(restBody: body)
            _ = try await store.write { transaction in
                try transaction.putArtifactType(
                    .with { ($0.artifactType, $0.canAddFields, $0.allFieldsMatch) = (type, canAddFields, true) })
            }
            return try await self.type(kind, Self.unprefixed(type.name, kind))
        case .execution:
            let type = try MlMetadata_ExecutionType(restBody: body)
            _ = try await store.write { transaction in
                try transaction.putExecutionType(
                    .with { ($0.executionType, $0.canAddFields, $0.allFieldsMatch) = (type, canAddFields, true) })
            }
            return try await self.type(kind, Self.unprefixed(type.name, kind))
        }
    }

    private func type(_ kind: Kind, _ name: String) async throws -> String {
        switch kind {
        case .artifact:
            let type = try await store.read { try $0.getArtifactType(.with { $0.typeName = name }).artifactType }
            return Self.object([("artifact_type", try type.restText())])
        case .execution:
            let type = try await store.read { try $0.getExecutionType(.with { $0.typeName = name }).executionType }
            return Self.object([("execution_type", try type.restText())])
        }
    }

    private func types(_ kind: Kind) async throws -> String {
        switch kind {
        case .artifact:
            let types = try await store.read { try $0.getArtifactTypes(.init()).artifactTypes }
            return try Self.list("artifact_types", types)
        case .execution:
            let types = try await store.read { try $0.getExecutionTypes(.init()).executionTypes }
            return try Self.list("execution_types", types)
        }
    }

    // MARK: Events

    private func createEvent(_ body: [UInt8]) async throws -> String {
        let event = try MlMetadata_Event(restBody: body)
        _ = try await store.write { try $0.putEvents(.with { $0.events = [event] }) }
        return "{}"
    }

    private func events(_ kind: Kind, _ name: String) async throws -> String {
        let text = String(name.dropFirst(kind.instances.count + 1))
        guard let id = Int64(text) else {
            let isNumber = !text.isEmpty && text.drop { $0 == "-" || $0 == "+" }.allSatisfy(\.isASCIIDigit)
            let why = isNumber ? "value out of range" : "invalid syntax"
            throw RESTError.refused(
                "failed to parse Artifact id from \"\(name)\": strconv.ParseInt: parsing \"\(text)\": \(why)")
        }
        let (events, artifacts, executions) = try await store.read { transaction in
            let events =
                switch kind {
                case .artifact: try transaction.getEventsByArtifactIDs(.with { $0.artifactIds = [id] }).events
                case .execution: try transaction.getEventsByExecutionIDs(.with { $0.executionIds = [id] }).events
                }
            let artifacts = try transaction.getArtifactsByID(.with { $0.artifactIds = events.map(\.artifactID) })
            let executions = try transaction.getExecutionsByID(.with { $0.executionIds = events.map(\.executionID) })
            return (events, artifacts.artifacts, executions.executions)
        }
        guard !events.isEmpty else { return "{}" }
        func map(_ nodes: [(id: Int64, text: String)]) -> String {
            Self.object(nodes.map { (String($0.id), $0.text) }.sorted { $0.0 < $1.0 })
        }
        return Self.object([
            ("events", try Self.array(events)),
            ("artifacts", map(try artifacts.map { ($0.id, try $0.restText()) })),
            ("executions", map(try executions.map { ($0.id, try $0.restText()) })),
        ])
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
