/// Which parts of a JSON value are wanted. The rest is passed over without being built, which is
/// several times as fast.
public indirect enum JSONProjection: Sendable, Hashable {
    /// The whole value.
    case everything
    /// Of an object, these members.
    case members([Member])
    /// Of an object, all members but these.
    case without([String])
    /// Of a list, this much of each element.
    case each(JSONProjection)

    /// A member of an object and what is wanted of it.
    public struct Member: Sendable, Hashable {
        public var key: String
        public var value: JSONProjection
    }

    /// What is wanted of a member: `nil` for nothing.
    /// - Parameter key: its name in UTF-8.
    func member(_ key: UnsafeBufferPointer<UInt8>) -> (key: String, wanted: JSONProjection)? {
        func isKey(_ name: String) -> Bool {
            name.utf8.count == key.count && name.utf8.elementsEqual(key)
        }
        switch self {
        case .everything, .each: return (String(decoding: key, as: UTF8.self), .everything)
        case .members(let members):
            for member in members where isKey(member.key) { return (member.key, member.value) }
            return nil
        case .without(let names):
            return names.contains(where: isKey) ? nil : (String(decoding: key, as: UTF8.self), .everything)
        }
    }

    /// What is wanted of the elements of a list.
    var element: JSONProjection { if case .each(let projection) = self { projection } else { .everything } }

    /// Whether all members of an object are wanted whole.
    var isEverythingOfObjects: Bool {
        switch self {
        case .everything, .each: true
        case .members, .without: false
        }
    }
}

extension JSONProjection: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONProjection)...) {
        self = .members(elements.map { Member(key: $0.0, value: $0.1) })
    }
}

extension JSONValue {
    /// The parts of a value that are wanted: what reading its text with the projection gives.
    public func projected(_ projection: JSONProjection) -> JSONValue {
        switch (self, projection) {
        case (.object(let object), .members), (.object(let object), .without):
            let kept = object.members.compactMap { member in
                var key = member.key
                let wanted = key.withUTF8 { projection.member($0)?.wanted }
                return wanted.map { (member.key, member.value.projected($0)) }
            }
            return .object(JSONObject(kept))
        case (.array(let elements), .each(let projection)): return .array(elements.map { $0.projected(projection) })
        default: return self
        }
    }
}
