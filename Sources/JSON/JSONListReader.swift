/// Reads an object that has a long list, such as a PodList, as its bytes arrive: each element is given
/// once it is whole, and its bytes are forgotten.
public struct JSONListReader: Sendable {
    private enum Place { case start, members, list, end }

    private let name: String
    private let element: JSONProjection
    private var buffer: [UInt8] = []
    private var place = Place.start
    private var needsSeparator = false
    /// How many bytes must be there before an element that was cut is tried again: a long one is then
    /// read a few times, not at each arrival.
    private var enough = 0
    /// The object's other members, as far as they have come.
    public private(set) var envelope = JSONObject()

    /// - Parameters:
    ///   - name: the member that is the list.
    ///   - element: what is wanted of each of its elements.
    public init(list name: String, element: JSONProjection = .everything) {
        self.name = name
        self.element = element
    }

    /// Takes in bytes, and gives the elements that are whole now.
    /// - Parameter isLast: whether no more bytes come.
    /// - Throws: ``JSONError``; its line and column count from the first byte that was not yet read.
    public mutating func read(_ bytes: some Sequence<UInt8>, isLast: Bool = false) throws(JSONError) -> [JSONValue] {
        buffer.append(contentsOf: bytes)
        if !isLast, buffer.count < enough { return [] }
        var elements: [JSONValue] = []
        var reader = self
        reader.buffer = []
        let outcome: Result<Int, JSONError> = buffer.withUnsafeBufferPointer { all in
            do throws(JSONError) {
                return .success(try reader.advance(all, isLast, &elements))
            } catch {
                return .failure(error)
            }
        }
        let consumed = try outcome.get()
        (place, needsSeparator, envelope) = (reader.place, reader.needsSeparator, reader.envelope)
        let rest = buffer.count - consumed
        enough = rest * 2
        // Moved rarely: an element is a small part of what arrives.
        buffer.removeFirst(consumed)
        return elements
    }

    /// Goes on as far as the bytes allow.
    /// - Returns: how many of them are done with.
    private mutating func advance(
        _ all: UnsafeBufferPointer<UInt8>, _ isLast: Bool, _ elements: inout [JSONValue]
    ) throws(JSONError) -> Int {
        var parser = JSONParser(bytes: all, from: 0)
        var done = 0
        while true {
            parser.skipWhitespace()
            guard parser.index < all.count else {
                if isLast, place != .end { throw parser.unexpected("the rest of the object") }
                return parser.index
            }
            let before = (place, needsSeparator, elements.count)
            do throws(JSONError) {
                try step(&parser, &elements)
            } catch {
                // Cut, or wrong: only the rest can tell.
                if !isLast, parser.index >= all.count { return done }
                throw error
            }
            // A number at the end may go on.
            if !isLast, parser.index == all.count, Self.mayGoOn(all[parser.index - 1]) {
                elements.removeLast(elements.count - before.2)
                (place, needsSeparator) = (before.0, before.1)
                return done
            }
            done = parser.index
        }
    }

    private static func mayGoOn(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): true
        default: false
        }
    }

    /// One bracket, separator, member or element.
    private mutating func step(_ parser: inout JSONParser, _ elements: inout [JSONValue]) throws(JSONError) {
        let byte = parser.bytes[parser.index]
        switch place {
        case .start:
            guard byte == UInt8(ascii: "{") else { throw parser.unexpected("an object") }
            parser.index += 1
            place = .members
        case .members:
            if byte == UInt8(ascii: "}") {
                parser.index += 1
                place = .end
                return
            }
            if try separator(&parser, byte) { return }
            try member(&parser)
        case .list:
            if byte == UInt8(ascii: "]") {
                parser.index += 1
                place = .members
                needsSeparator = true
                return
            }
            if try separator(&parser, byte) { return }
            elements.append(try parser.value(element))
            needsSeparator = true
        case .end: throw parser.error("text after the end of the value")
        }
    }

    /// Takes the comma between two, where one must be.
    private mutating func separator(_ parser: inout JSONParser, _ byte: UInt8) throws(JSONError) -> Bool {
        guard needsSeparator else { return false }
        guard byte == UInt8(ascii: ",") else { throw parser.unexpected("“,”") }
        parser.index += 1
        needsSeparator = false
        return true
    }

    private mutating func member(_ parser: inout JSONParser) throws(JSONError) {
        guard parser.bytes[parser.index] == UInt8(ascii: "\"") else { throw parser.unexpected("a member's name") }
        let key = try parser.string()
        parser.skipWhitespace()
        guard parser.index < parser.bytes.count, parser.bytes[parser.index] == UInt8(ascii: ":") else {
            throw parser.unexpected("“:”")
        }
        parser.index += 1
        parser.skipWhitespace()
        guard parser.index < parser.bytes.count else { throw parser.unexpected("a value") }
        if key == name, parser.bytes[parser.index] == UInt8(ascii: "[") {
            parser.index += 1
            place = .list
            return
        }
        envelope[key] = try parser.value()
        needsSeparator = true
    }
}
