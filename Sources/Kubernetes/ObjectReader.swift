import JSON
import YAML

/// Reads objects as their bytes arrive: what `kubectl get -o json` or `-o yaml` prints, a List, several
/// documents, JSON lines, or the lines of a watch. Only the object that is being read is in memory.
public struct ObjectReader {
    private enum Format { case unknown, json, yaml }

    private var format = Format.unknown
    /// Of the JSON value that is being read.
    private var value = JSONListReader(list: "items")
    private var isSkipping = false
    private var items = 0
    private var yaml = YAMLPieces()
    /// What cannot be read yet: the beginning of a file.
    private var pending: [UInt8] = []
    /// Where that begins.
    private var begin = TextPosition()
    private static let maximumIndentation = 64 << 10

    public init() {}

    /// Takes in bytes, and gives the objects that are whole now. A mistake costs only the object that it is
    /// in.
    /// - Parameter isLast: whether no more bytes come.
    public mutating func read(
        _ bytes: [UInt8], isLast: Bool = false, _ body: (ObjectFile.Item) throws -> Void
    ) rethrows {
        switch format {
        case .unknown:
            pending += bytes
            if pending.starts(with: [0xEF, 0xBB, 0xBF]) { pending.removeFirst(3) }
            guard let first = pending.firstIndex(where: { $0 > 0x20 }) else {
                dropBlankLines()
                return
            }
            let isJSON = pending[first] == UInt8(ascii: "{") || pending[first] == UInt8(ascii: "[")
            format = isJSON ? .json : .yaml
            if isJSON { startValue(at: begin) } else { yaml = YAMLPieces(after: begin.line) }
            let start = pending
            pending = []
            try read(start, isLast: isLast, body)
        case .json: try readJSON(bytes, isLast, body)
        case .yaml: try readYAML(bytes, isLast, body)
        }
    }

    /// Lets go of lines that are blank, so that each is looked at once. What is before the first text on its own line
    /// is indentation, unless it is more than anybody indents.
    private mutating func dropBlankLines() {
        let end = pending.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let count = pending.count - end > Self.maximumIndentation ? pending.count : end
        begin.advance(over: pending[..<count])
        pending.removeFirst(count)
    }

    // MARK: JSON

    private mutating func readJSON(
        _ bytes: [UInt8], _ isLast: Bool, _ body: (ObjectFile.Item) throws -> Void
    ) rethrows {
        var bytes = bytes
        while true {
            if isSkipping {
                let all = pending + bytes
                let start = nextObject(in: all)
                // A line end may be the last of these.
                let kept = start ?? max(0, all.count - 1)
                var position = value.position
                position.advance(over: all[..<kept])
                startValue(at: position)
                pending = start == nil ? Array(all[kept...]) : []
                guard start != nil else { return }
                bytes = Array(all[kept...])
                isSkipping = false
            }
            var found: [Result<JSONValue, JSONError>] = []
            var failure: JSONError?
            do throws(JSONError) {
                try value.read(bytes, isLast: isLast && !(value.isUntouched && isBlank(bytes))) {
                    found.append(.success($0))
                } unreadable: { error, _ in
                    found.append(.failure(error))
                }
            } catch {
                failure = error
            }
            for item in found {
                switch item {
                case .success(let item): try give(item, body)
                case .failure(let error):
                    try body(.malformed("item \(items) of the list: \(error)"))
                    items += 1
                }
            }
            if let failure {
                try body(.malformed((items > 0 ? "item \(items) of the list: " : "") + "\(failure)"))
                bytes = value.takeRest()
                isSkipping = true
                // Past the line that the mistake begins.
                var position = value.position
                if let first = bytes.firstIndex(where: { $0 > 0x20 }) {
                    position.advance(over: bytes[..<first])
                    bytes.removeFirst(first)
                }
                startValue(at: position)
                continue
            }
            guard value.isAtEnd else { return }
            if !value.hasList { try ObjectFile.unpack(.object(value.envelope), "", body) }
            bytes = value.takeRest()
            startValue(at: value.position)
            if isBlank(bytes) { return }
        }
    }

    private mutating func startValue(at position: TextPosition) {
        value = JSONListReader(list: "items", at: position)
        items = 0
    }

    private func isBlank(_ bytes: [UInt8]) -> Bool { bytes.allSatisfy { $0 <= 0x20 } }

    /// From the next line on that begins with `{`.
    private func nextObject(in bytes: [UInt8]) -> Int? {
        for index in bytes.indices.dropFirst()
        where bytes[index] == UInt8(ascii: "{") && bytes[index - 1] == UInt8(ascii: "\n") {
            return index
        }
        return nil
    }

    private mutating func give(_ item: JSONValue, _ body: (ObjectFile.Item) throws -> Void) rethrows {
        defer { items += 1 }
        let kind = value.envelope["kind"]?.string ?? ""
        guard kind.hasSuffix("List") else { return try ObjectFile.unpack(item, "", body) }
        let resource = Resource(
            group: "", version: value.envelope["apiVersion"]?.string ?? "", plural: "",
            kind: String(kind.dropLast("List".count)))
        try ObjectFile.make(item, resource, isDeleted: false, "item \(items) of the \(kind): ", body)
    }

    // MARK: YAML

    private mutating func readYAML(
        _ bytes: [UInt8], _ isLast: Bool, _ body: (ObjectFile.Item) throws -> Void
    ) rethrows {
        for piece in yaml.read(bytes, isLast: isLast) {
            switch piece {
            case .document(let bytes, let line):
                if isBlank(bytes) { continue }
                switch Self.parse(bytes, line) {
                case .success(let value): if !value.isNull { try ObjectFile.unpack(value, "", body) }
                case .failure(let error): try body(.malformed("\(error)"))
                }
            case .tooLong(let line):
                try body(
                    .malformed("line \(line + 1): a document longer than \(YAMLPieces.maximumPiece >> 20) MiB"))
            case .item(let bytes, let index, let line):
                let place = "item \(index) of the list: "
                switch Self.parse(bytes, line) {
                case .success(let value):
                    try ObjectFile.make(value.array?.first ?? .null, nil, isDeleted: false, place, body)
                case .failure(let error): try body(.malformed(place + "\(error)"))
                }
            }
        }
    }

    private static func parse(_ document: [UInt8], _ line: Int) -> Result<JSONValue, YAMLError> {
        do throws(YAMLError) {
            return .success(try YAML.documents(in: document).first ?? .null)
        } catch {
            var error = error
            error.line += line
            return .failure(error)
        }
    }
}
