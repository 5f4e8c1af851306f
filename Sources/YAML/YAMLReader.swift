import CYAML
public import JSON

/// Reading of YAML 1.1 and 1.2 documents, as far as they mean JSON values.
///
/// Plain scalars are resolved by the core schema of YAML 1.2 (`null`, booleans, integers, floats);
/// anchors, aliases and merge keys (`<<`) are expanded; dates stay text.
public enum YAML {
    /// The most values that one document may have.
    public static let maximumNodes = 10_000_000
    /// What aliases may add to a text, in bytes.
    public static let maximumExpansion = 1 << 20

    /// Reads all documents of a text.
    /// - Throws: ``YAMLError`` with the line and column of the first mistake.
    public static func documents(in bytes: [UInt8]) throws(YAMLError) -> [JSONValue] {
        var reader = YAMLReader(bytes: bytes)
        var result: [JSONValue] = []
        while let document = try reader.next() { result.append(document) }
        return result
    }

    /// Reads the one document of a text; an empty text is `null`.
    /// - Parameters:
    ///   - resolves: whether plain scalars become numbers and booleans; else they stay as they are written.
    ///   - rejectsDuplicates: whether a member that is there twice is a mistake; else the last counts.
    /// - Throws: ``YAMLError``, also when there are several documents.
    public static func parse(
        _ text: String, resolves: Bool = true, rejectsDuplicates: Bool = false
    ) throws(YAMLError) -> JSONValue {
        var reader = YAMLReader(bytes: Array(text.utf8))
        (reader.resolves, reader.rejectsDuplicates) = (resolves, rejectsDuplicates)
        guard let only = try reader.next() else { return .null }
        guard try reader.next() == nil else {
            throw YAMLError(reason: "several documents where one should be", line: 1, column: 1)
        }
        return only
    }
}

/// Reads one document after the other, holding no more than one.
public struct YAMLReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    /// A value that aliases name, what it costs, and how deep it is nested.
    private struct Anchor {
        var value: JSONValue
        var cost: Int
        var height: Int
    }

    private var anchors: [String: Anchor] = [:]
    private var nodes = 0
    /// What aliases have added to the text so far, in bytes; of all its documents.
    private var expanded = 0
    fileprivate var resolves = true
    fileprivate var rejectsDuplicates = false

    public init(bytes source: [UInt8]) {
        bytes = .allocate(capacity: max(source.count, 1))
        _ = bytes.initialize(from: source)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        yaml_parser_initialize(parser)
        yaml_parser_set_input_string(parser, bytes.baseAddress, source.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        bytes.deallocate()
    }

    /// The next document, or `nil` at the end.
    /// - Throws: ``YAMLError``.
    public mutating func next() throws(YAMLError) -> JSONValue? {
        anchors = [:]
        nodes = 0
        while true {
            var event = try nextEvent()
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return nil
            case YAML_DOCUMENT_START_EVENT: return try node(try nextEvent(), depth: 0)
            default: continue
            }
        }
    }

    private func nextEvent() throws(YAMLError) -> yaml_event_t {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else {
            let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not YAML"
            let mark = parser.pointee.problem_mark
            throw YAMLError(reason: problem, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
        }
        return event
    }

    private func error(_ reason: String, _ event: yaml_event_t) -> YAMLError {
        YAMLError(
            reason: reason, line: Int(event.start_mark.line) + 1,
            column: Int(event.start_mark.column) + 1)
    }

    private static func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private mutating func node(_ event: yaml_event_t, depth: Int) throws(YAMLError) -> JSONValue {
        try measured(event, depth: depth).value
    }

    /// Keeps a value that has an anchor.
    private mutating func keep(_ value: Anchor, _ name: UnsafeMutablePointer<UInt8>?) -> Anchor {
        if let name = Self.text(name) { anchors[name] = value }
        return value
    }

    /// The value that begins with `event`, which is deleted.
    private mutating func measured(_ event: yaml_event_t, depth: Int) throws(YAMLError) -> Anchor {
        var event = event
        defer { yaml_event_delete(&event) }
        nodes += 1
        if nodes > YAML.maximumNodes { throw error("more than \(YAML.maximumNodes) values", event) }
        if depth > JSONValue.maximumDepth {
            throw error("nested deeper than \(JSONValue.maximumDepth) levels", event)
        }
        switch event.type {
        case YAML_ALIAS_EVENT:
            let name = Self.text(event.data.alias.anchor) ?? ""
            guard let anchor = anchors[name] else { throw error("unknown alias *\(name)", event) }
            // Within the value that it names another nests as deep as it does itself.
            guard depth + anchor.height <= JSONValue.maximumDepth else {
                throw error("nested deeper than \(JSONValue.maximumDepth) levels", event)
            }
            expanded += anchor.cost
            if expanded > YAML.maximumExpansion {
                throw error("aliases that add more than \(YAML.maximumExpansion >> 20) MiB", event)
            }
            return anchor
        case YAML_SCALAR_EVENT:
            let value = try scalar(event)
            let cost = 16 + Int(event.data.scalar.length)
            return keep(Anchor(value: value, cost: cost, height: 0), event.data.scalar.anchor)
        case YAML_SEQUENCE_START_EVENT:
            var elements: [JSONValue] = []
            var (cost, height) = (16, 0)
            while true {
                let next = try nextEvent()
                if next.type == YAML_SEQUENCE_END_EVENT { break }
                let element = try measured(next, depth: depth + 1)
                elements.append(element.value)
                (cost, height) = (cost + element.cost, max(height, element.height + 1))
            }
            return keep(
                Anchor(value: .array(elements), cost: cost, height: height), event.data.sequence_start.anchor)
        case YAML_MAPPING_START_EVENT:
            return keep(try mapping(depth: depth), event.data.mapping_start.anchor)
        default:
            throw error("something where a value should be", event)
        }
    }

    private mutating func mapping(depth: Int) throws(YAMLError) -> Anchor {
        var pairs: [(String, JSONValue)] = []
        var merged: [JSONObject] = []
        var names: Set<String> = []
        var (cost, height) = (16, 0)
        while true {
            let next = try nextEvent()
            if next.type == YAML_MAPPING_END_EVENT { break }
            let mark = next
            let named = try measured(next, depth: depth + 1)
            let member = try measured(try nextEvent(), depth: depth + 1)
            let (key, value) = (named.value, member.value)
            (cost, height) = (cost + named.cost + member.cost, max(height, named.height + 1, member.height + 1))
            guard let name = key.scalarText ?? (key.isNull ? "null" : nil) else {
                throw error("\(key.kindName) as the name of a member", mark)
            }
            if name == "<<" {
                merged += value.object.map { [$0] } ?? value.array?.compactMap(\.object) ?? []
            } else {
                if rejectsDuplicates, !names.insert(name).inserted {
                    throw error("the member \(name) a second time", mark)
                }
                pairs.append((name, value))
            }
        }
        let earlier = merged.reversed().flatMap { $0.members.map { ($0.key, $0.value) } }
        return Anchor(value: .object(JSONObject(earlier + pairs)), cost: cost, height: height)
    }

    private func scalar(_ event: yaml_event_t) throws(YAMLError) -> JSONValue {
        let data = event.data.scalar
        let text = String(
            decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
        let tag = Self.text(data.tag)
        if tag == "tag:yaml.org,2002:str" || tag == "!" { return .string(text) }
        guard data.style == YAML_PLAIN_SCALAR_STYLE || tag != nil else { return .string(text) }
        return resolves ? YAMLScalar.resolve(text) : .string(text)
    }
}
