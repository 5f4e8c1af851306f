import MetadataAPI
import MetadataStore

/// How services are told from steps.
enum Serving {
    /// The beginnings of the types of services, for what was recorded before services were marked (``PropertyName/serving``).
    static let types = ["kserve.", "seldon."]

    /// What services are found by, in the filter grammar: marked ones by the index of numbers, others by their few types.
    /// Two queries: a property that is asked for must be there, whatever else a query says.
    private static let conditions = [
        "custom_properties.\(PropertyName.serving).int_value = 1",
        "type IN ('kserve.InferenceService', 'kserve.LLMInferenceService', 'kserve.TrainedModel', "
            + "'seldon.SeldonDeployment', 'seldon.Model')",
    ]

    /// What serves now, the newest first.
    /// - Throws: ``StatusError``.
    static func running(
        _ transaction: Transaction, upTo limit: Int32, seenBy visibility: Visibility
    ) throws -> (services: [MlMetadata_Execution], hasMore: Bool) {
        var found: [Int64: MlMetadata_Execution] = [:]
        var hasMore = false
        for condition in conditions {
            let slice = try transaction.shortened.executionSlice(
                .with {
                    $0.maxResultSize = limit
                    $0.orderByField.field = .createTime
                    $0.orderByField.isAsc = false
                    $0.filterQuery = "last_known_state = RUNNING AND \(condition)"
                }, seenBy: visibility)
            for node in slice.nodes { found[node.id] = node }
            hasMore = hasMore || slice.next != nil
        }
        let all = found.values.sorted { $0.id > $1.id }
        return (Array(all.prefix(Int(limit))), hasMore || all.count > Int(limit))
    }
}
