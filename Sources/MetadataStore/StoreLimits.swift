import MetadataAPI

/// What one request may ask of a store; a value of its own beside a message's length, because a small message may ask
/// for much.
public enum StoreLimits {
    /// A uri, in bytes: it is a key of an index, which every later write near it reads whole.
    public static let uri = 64 << 10
    /// A name, an external id, the name of a type or property, a step's key, in bytes.
    public static let name = 4 << 10
    /// A property's value, in bytes.
    public static let value = 16 << 20
    /// Nodes, properties, events, links and steps of one request to write: others wait until it is done.
    public static let elements = 100_000
    /// Of types that one request names, as often as it does, in bytes.
    static let repeatedTypes = 64 << 20
    /// Links between contexts of one request: each is checked for circles.
    public static let parents = 10_000
    /// Requests that wait to be written.
    static let waitingWrites = 10_000
    /// How long a query may run while others wait for a reader.
    static let readWhileOthersWait: Duration = .seconds(5)
    /// A query that goes on so long after it was interrupted is stuck.
    static let stuck: Duration = .seconds(30)

    static func check(_ text: String, _ limit: Int, _ field: @autoclosure () -> String) throws {
        guard text.utf8.count > limit else { return }
        throw StatusError.invalidArgument(
            "\(field()) has \(text.utf8.count) bytes; this store takes up to \(limit).")
    }

    /// - Parameter count: how many elements the request has.
    static func check(elements count: Int) throws {
        guard count > elements else { return }
        throw StatusError(
            .resourceExhausted,
            "The request has \(count) nodes, properties, events and links; this store takes up to \(elements) at once. "
                + "Split it.")
    }
}

extension Transaction {
    /// Checks a text that is to be stored, against our limit and the database's.
    /// - Throws: ``StatusError``, INVALID_ARGUMENT that names the field.
    func check(_ text: String, _ kind: StoreShape.Text, _ field: @autoclosure () -> String) throws {
        let limit =
            switch kind {
            case .name, .externalID: StoreLimits.name
            case .long: StoreLimits.uri
            case .value: StoreLimits.value
            }
        try StoreLimits.check(text, limit, field())
        if connection.hasLimits { try connection.shape.check(text, kind, field()) }
    }

    /// Checks the texts of a node that is to be stored.
    func checkLimits<N: Node>(_ node: N, over stored: N? = nil) throws {
        let shown = "The \(N.kind.word)'s"
        // What a store has already from before may stay.
        if node.name != stored?.name { try check(node.name, .name, "\(shown) name") }
        if node.externalID != stored?.externalID {
            try check(node.externalID, .externalID, "\(shown) external_id")
        }
        for value in node.ownValues {
            if case .text(let text) = value, stored.map({ $0.ownValues.contains(value) }) != true {
                try check(text, .long, "\(shown) uri")
            }
        }
        for (given, kept) in [
            (node.properties, stored?.properties), (node.customProperties, stored?.customProperties),
        ] {
            for (name, value) in given where kept?[name] != value {
                try check(name, .name, "\(shown) property name")
                switch value.value {
                case .stringValue(let text): try check(text, .value, "\(shown) property \(name)")
                case .intValue(let number) where connection.hasLimits:
                    try connection.shape.check(number, connection.shape.integers, "\(shown) property \(name)")
                default: break
                }
            }
        }
    }
}

/// A request whose size can be told before it is begun.
extension Node {
    /// Itself and its properties.
    var elements: Int { 1 + properties.count + customProperties.count }
}

extension MlMetadata_Event {
    var elements: Int { 1 + path.steps.count }
}

extension MlMetadata_PutExecutionRequest {
    var elements: Int {
        let pairs = artifactEventPairs.reduce(0) { $0 + $1.artifact.elements + $1.event.elements }
        let nodes = contexts.reduce(0) { $0 + $1.elements }
        return execution.elements + pairs + nodes + contexts.count * (1 + artifactEventPairs.count)
    }
}

extension MlMetadata_PutLineageSubgraphRequest {
    var elements: Int {
        let nodes =
            artifacts.reduce(0) { $0 + $1.elements } + executions.reduce(0) { $0 + $1.elements }
            + contexts.reduce(0) { $0 + $1.elements }
        return nodes + eventEdges.reduce(0) { $0 + $1.event.elements }
            + contexts.count * (artifacts.count + executions.count)
    }
}
