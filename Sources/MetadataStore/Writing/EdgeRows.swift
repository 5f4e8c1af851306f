import MetadataAPI
import SQLite

/// The rows of events and links, in the group's memory where there is one, in the database else.
extension Transaction {
    /// Writes an event and the steps of its path.
    /// - Throws: ``StatusError``, ALREADY_EXISTS; `SQLiteError`, `ServerError`.
    func insertRow(_ event: MlMetadata_Event) throws {
        let shown = "artifact_id: \(event.artifactID) execution_id: \(event.executionID)"
        let message = "Given event already exists: \(shown) type: \(event.type)"
        let time = event.hasMillisecondsSinceEpoch ? event.millisecondsSinceEpoch : now
        // A step that says nothing is none.
        let steps = event.path.steps.filter { $0.value != nil }
        guard let group = connection.group else {
            let id = try unique(message) {
                try connection.insert(
                    """
                    INSERT INTO Event (artifact_id, execution_id, type, milliseconds_since_epoch)
                    VALUES (?, ?, ?, ?)
                    """, event.artifactID, event.executionID, Int64(event.type.rawValue), time)
            }
            for step in steps {
                let isIndex = if case .index = step.value { true } else { false }
                try connection.run(
                    "INSERT INTO EventPath (event_id, is_index_step, step_index, step_key) VALUES (?, ?, ?, ?)",
                    id, isIndex, isIndex ? step.index : nil, isIndex ? nil : step.key)
            }
            return
        }
        let key = PendingRows.EventKey(
            artifact: event.artifactID, execution: event.executionID, type: Int64(event.type.rawValue))
        // Of those that were there before the database tells, when the group is written.
        guard group.state.rows.events[key] == nil else { throw StatusError.alreadyExists(message) }
        let id = try number(.event, group)
        group.set(\.rows.events[key], PendingRows.Event(id: id, time: time))
        for step in steps {
            let isIndex = if case .index = step.value { true } else { false }
            group.append(
                \.rows.steps,
                PendingRows.Step(
                    event: id, isIndex: isIndex, index: isIndex ? step.index : nil, key: isIndex ? nil : step.key))
        }
    }

    /// Links a node to a context; a link that exists is left as it is.
    func link(_ kind: NodeKind, _ id: Int64, toContext context: Int64) throws {
        guard let table = kind.contextLink else { return }
        guard let group = connection.group else {
            return try connection.run(
                "INSERT INTO \(table) (context_id, \(kind.word)_id) VALUES (?, ?)\(connection.dialect.orLeave("context_id"))",
                context, id)
        }
        group.insert(PendingRows.Link(kind: kind, node: id, context: context))
    }
}
