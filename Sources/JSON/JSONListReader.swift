/// Reads an object that has a long list, such as a PodList, or a bare list, as its bytes arrive: each element is given
/// once it is whole, and its bytes are forgotten.
public struct JSONListReader: Sendable {
    private enum Place { case start, members, list, end }

    /// The longest element, or member beside the list, in bytes: an object of Kubernetes has 3 MiB at most.
    public static let maximumElement = 64 << 20

    private let name: String
    private let element: JSONProjection
    /// What is wanted of an element that cannot be read.
    private let identity: JSONProjection
    private var buffer: [UInt8] = []
    private var place = Place.start
    private var needsSeparator = false
    /// Whether something must follow.
    private var isAfterComma = false
    /// Whether the value is the list itself, not an object that has it.
    private var isBare = false
    /// Whether there is a list.
    public private(set) var hasList = false
    /// Up to where the text is done with.
    public private(set) var position: TextPosition
    /// How many bytes must be there before an element that was cut is tried again: a long one is then
    /// read a few times, not at each arrival.
    private var enough = 0
    /// The object's other members, as far as they have come.
    public private(set) var envelope = JSONObject()

    /// - Parameters:
    ///   - name: the member that is the list.
    ///   - element: what is wanted of each of its elements.
    ///   - identity: what is wanted of one that cannot be read as a whole.
    ///   - position: where in a text it begins.
    public init(
        list name: String, element: JSONProjection = .everything, identity: JSONProjection = .members([]),
        at position: TextPosition = TextPosition()
    ) {
        self.identity = identity
        self.position = position
        self.name = name
        self.element = element
    }

    /// Takes in bytes, and gives the elements that are whole now.
    /// - Parameter isLast: whether no more bytes come.
    /// - Throws: ``JSONError``, with the line from the beginning.
    public mutating func read(_ bytes: some Sequence<UInt8>, isLast: Bool = false) throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        var failure: JSONError?
        try read(bytes, isLast: isLast) {
            elements.append($0)
        } unreadable: { error, _ in
            failure = failure ?? error
        }
        if let failure { throw failure }
        if isLast, let byte = buffer.first(where: { $0 > 0x20 }) {
            throw JSONError(
                reason: "“\(String(UnicodeScalar(byte)))” after the end of the value", line: position.line + 1,
                column: position.column + 1)
        }
        return elements
    }

    /// The same; also those before a mistake are given. Bytes after the end of the value are kept.
    /// - Parameter unreadable: told of an element that cannot be read though its end is known: it is nested too
    ///   deep, say. The others are. With it comes what could be read of what was wanted of such a one.
    public mutating func read(
        _ bytes: some Sequence<UInt8>, isLast: Bool, _ body: (JSONValue) -> Void,
        unreadable: (JSONError, JSONValue?) -> Void
    ) throws(JSONError) {
        buffer.append(contentsOf: bytes)
        if isAtEnd || !isLast && buffer.count < enough { return }
        // Moved out and back, so that it is never copied.
        var all: [UInt8] = []
        swap(&all, &buffer)
        let start = position
        let (done, error) = all.withUnsafeBufferPointer { bytes in
            advance(bytes, isLast, body) { unreadable(start.placing($0), $1) }
        }
        let failure = error.map { position.placing($0) }
        position.advance(over: all[..<done])
        // Moved rarely: an element is a small part of what arrives.
        all.removeFirst(done)
        swap(&all, &buffer)
        enough = buffer.count * 2
        if let failure { throw failure }
        if buffer.count > Self.maximumElement, !isAtEnd {
            throw JSONError(
                reason: "a value longer than \(Self.maximumElement >> 20) MiB", line: position.line + 1,
                column: position.column + 1)
        }
    }

    /// Whether the value is whole.
    public var isAtEnd: Bool { place == .end }

    /// Whether nothing came yet but white space.
    public var isUntouched: Bool { place == .start && buffer.allSatisfy { $0 <= 0x20 } }

    /// The bytes that were not read: those after the end, or from a mistake on.
    public mutating func takeRest() -> [UInt8] {
        defer { buffer = [] }
        return buffer
    }

    /// Goes on as far as the bytes allow.
    /// - Returns: how many of them are done with, and what is wrong there.
    private mutating func advance(
        _ all: UnsafeBufferPointer<UInt8>, _ isLast: Bool, _ body: (JSONValue) -> Void,
        unreadable: (JSONError, JSONValue?) -> Void
    ) -> (done: Int, error: JSONError?) {
        var parser = JSONParser(bytes: all, from: 0)
        var done = 0
        while true {
            parser.skipWhitespace()
            guard parser.index < all.count else {
                return (parser.index, isLast && place != .end ? parser.unexpected("the rest of the value") : nil)
            }
            if place == .end { return (parser.index, nil) }
            let before = (place: place, needsSeparator: needsSeparator, isAfterComma: isAfterComma)
            let element: JSONValue?
            do throws(JSONError) {
                element = try step(&parser)
            } catch {
                if error.isWithinValue, before.place == .list {
                    // What is too deep may be cut too: it is passed over once its end is there.
                    parser.index = done
                    parser.skipWhitespace()
                    let start = parser.index
                    if (try? parser.skipValue()) != nil {
                        let bytes = UnsafeBufferPointer(rebasing: all[start..<parser.index])
                        unreadable(error, try? JSONValue(parsing: bytes, only: identity))
                        (needsSeparator, isAfterComma) = (true, false)
                        hasList = true
                        done = parser.index
                        continue
                    }
                    if !isLast { return (done, nil) }
                }
                // Cut, or wrong: only the rest can tell.
                return (done, !isLast && parser.index >= all.count ? nil : error)
            }
            // A number at the end may go on.
            if !isLast, parser.index == all.count, Self.mayGoOn(all[parser.index - 1]) {
                (place, needsSeparator, isAfterComma) = before
                return (done, nil)
            }
            if let element { body(element) }
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
    /// - Returns: the element.
    private mutating func step(_ parser: inout JSONParser) throws(JSONError) -> JSONValue? {
        let byte = parser.bytes[parser.index]
        switch place {
        case .start:
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") else {
                throw parser.unexpected("an object or a list")
            }
            parser.index += 1
            isBare = byte == UInt8(ascii: "[")
            place = isBare ? .list : .members
        case .members:
            if byte == UInt8(ascii: "}"), !isAfterComma {
                parser.index += 1
                place = .end
            } else if try !separator(&parser, byte) {
                try member(&parser)
            }
        case .list:
            if byte == UInt8(ascii: "]"), !isAfterComma {
                parser.index += 1
                place = isBare ? .end : .members
                needsSeparator = true
            } else if try !separator(&parser, byte) {
                let value = try parser.value(element)
                (needsSeparator, isAfterComma) = (true, false)
                hasList = true
                return value
            }
        case .end: break
        }
        return nil
    }

    /// Takes the comma between two, where one must be.
    private mutating func separator(_ parser: inout JSONParser, _ byte: UInt8) throws(JSONError) -> Bool {
        guard needsSeparator else { return false }
        guard byte == UInt8(ascii: ",") else { throw parser.unexpected("“,”") }
        parser.index += 1
        (needsSeparator, isAfterComma) = (false, true)
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
            hasList = true
            isAfterComma = false
            return
        }
        envelope[key] = try parser.value()
        (needsSeparator, isAfterComma) = (true, false)
    }
}
