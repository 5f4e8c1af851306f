/// The members of a JSON object, in the order they were written.
///
/// Two objects are equal when they have equal members in any order. Lookups scan: the
/// objects read here have few members; whoever looks up many times builds a dictionary.
public struct JSONObject: Sendable {
    /// A name and its value.
    public struct Member: Sendable, Hashable {
        public var key: String
        public var value: JSONValue

        public init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    public private(set) var members: [Member]

    public init() { members = [] }

    /// An object with these members; of two with the same name the last counts.
    public init(_ pairs: some Sequence<(String, JSONValue)>) {
        members = JSONParser.deduplicated(pairs.map { Member(key: $0.0, value: $0.1) })
    }

    /// Members known to have different names.
    init(unique members: [Member]) { self.members = members }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }
    public var keys: [String] { members.map(\.key) }

    /// The value of a member. Setting `nil` removes it.
    public subscript(key: String) -> JSONValue? {
        get {
            for member in members where member.key == key { return member.value }
            return nil
        }
        set {
            let index = members.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The members whose value is text, as a dictionary (labels, annotations).
    public var strings: [String: String] {
        var result: [String: String] = [:]
        for member in members {
            if case .string(let text) = member.value { result[member.key] = text }
        }
        return result
    }
}

extension JSONObject: Sequence {
    public func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }
}

extension JSONObject: Hashable {
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        if left.members == right.members { return true }
        guard left.count == right.count else { return false }
        return left.members.allSatisfy { right[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for member in members { sum ^= member.hashValue }
        hasher.combine(sum)
    }
}
