public import MetadataAPI
import SQLite

extension Transaction {
    /// Which ends of an event the request itself has put, so that nobody need look for them.
    struct KnownEnds {
        var artifact = false
        var execution = false
    }

    /// Stores an event between an artifact and an execution that exist.
    func putEvent(_ event: MlMetadata_Event, known: KnownEnds = KnownEnds()) throws {
        guard event.hasArtifactID else {
            throw StatusError.invalidArgument("No artifact id is specified.")
        }
        guard event.hasExecutionID else {
            throw StatusError.invalidArgument("No execution id is specified.")
        }
        guard event.hasType, event.type != .unknown else {
            throw StatusError.invalidArgument("No event type is specified.")
        }
        guard try known.artifact || exists(.artifact, event.artifactID) else {
            throw StatusError.invalidArgument("No artifact with the given id \(event.artifactID)")
        }
        guard try known.execution || exists(.execution, event.executionID) else {
            throw StatusError.invalidArgument("No execution with the given id \(event.executionID)")
        }
        for step in event.path.steps {
            try StoreLimits.check(step.key, StoreLimits.name, "The key of a step of the event's path")
            try check(step.key, .long, "The key of a step of the event's path")
            try connection.shape.check(
                step.index, connection.shape.steps, "The index of a step of the event's path")
        }
        try insertRow(event)
    }

    /// Events of executions without their paths, no more than so many.
    /// - Throws: ``StatusError``.
    public func events(ofExecutions ids: [Int64], upTo limit: Int) throws -> [MlMetadata_Event] {
        guard !ids.isEmpty else { return [] }
        return try connection.rows(
            """
            SELECT artifact_id, execution_id, type FROM Event WHERE execution_id IN ({list}) LIMIT \(limit)
            """, list: ids.uniqued()
        ) { row in
            .with {
                ($0.artifactID, $0.executionID) = (row.integer(0), row.integer(1))
                $0.type = MlMetadata_Event.TypeEnum(rawValue: Int(row.integer(2))) ?? .unknown
            }
        }
    }

    /// The events of artifacts or executions, by id.
    func events(of kind: NodeKind, ids: [Int64]) throws -> [MlMetadata_Event] {
        try events(where: "\(kind.word)_id", ids)
    }

    /// Events by their own ids.
    func events(ids: [Int64]) throws -> [MlMetadata_Event] { try events(where: "id", ids) }

    private func events(where column: String, _ ids: [Int64]) throws -> [MlMetadata_Event] {
        var rows: [(id: Int64, event: MlMetadata_Event)] = try connection.rows(
            """
            SELECT id, artifact_id, execution_id, type, milliseconds_since_epoch FROM Event
            WHERE \(column) IN ({list})
            """, list: ids.uniqued()
        ) { row in
            var event = MlMetadata_Event()
            event.artifactID = row.integer(1)
            event.executionID = row.integer(2)
            event.type = MlMetadata_Event.TypeEnum(rawValue: Int(row.integer(3))) ?? .unknown
            if let time = row.optionalInteger(4) { event.millisecondsSinceEpoch = time }
            return (row.integer(0), event)
        }
        rows.sort { $0.id < $1.id }
        let index = Dictionary(rows.enumerated().map { ($1.id, $0) }) { first, _ in first }
        // The steps of a path have no number of their own: their order is that of insertion.
        _ = try connection.rows(
            """
            SELECT event_id, is_index_step, step_index, step_key FROM EventPath
            WHERE event_id IN ({list})\(connection.stepsInOrder)
            """, list: rows.map(\.id)
        ) { row in
            guard let position = index[row.integer(0)] else { return }
            var step = MlMetadata_Event.Path.Step()
            if row.integer(1) != 0 { step.index = row.integer(2) } else { step.key = row.text(3) }
            rows[position].event.path.steps.append(step)
        }
        return rows.map(\.event)
    }
}
