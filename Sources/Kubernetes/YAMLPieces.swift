/// Cuts a YAML stream, as its bytes arrive, into what can be read by itself: documents, and the items of a List
/// that `kubectl get -o yaml` prints, so that a large one is never in memory as a whole.
struct YAMLPieces {
    enum Piece {
        /// - Parameter line: how many lines are before it.
        case document([UInt8], line: Int)
        /// An item of a List, as a list of one.
        case item([UInt8], index: Int, line: Int)
        /// A document or item that is longer than is read.
        case tooLong(line: Int)
    }

    private enum Mode {
        case document
        /// After a line `items:` of a document.
        case items
        /// Within items whose dashes are in a column; one begins at an index of the buffer.
        case list(column: Int, start: Int, line: Int, index: Int)
        /// After the items.
        case rest
    }

    private var mode = Mode.document
    /// From the beginning of a piece on.
    private var buffer: [UInt8] = []
    /// Where the first line begins that was not looked at.
    private var next = 0
    /// Where the document begins, and how many lines are before it.
    private var begin = 0
    private var beginLine = 0
    private var line = 0
    /// Up to where no line end is, from ``next`` on: a long line is searched once, not at each arrival.
    private var searched = 0
    /// Whether the rest of the document is dropped: it is too long.
    private var isTooLong = false

    /// The longest piece that is read, in bytes: all of it is in memory.
    static let maximumPiece = 64 << 20

    /// - Parameter lines: how many lines came before.
    init(after lines: Int = 0) {
        line = lines
        beginLine = lines
    }

    /// Takes in bytes.
    /// - Returns: the pieces that are whole now.
    mutating func read(_ bytes: [UInt8], isLast: Bool) -> [Piece] {
        buffer += bytes
        var pieces: [Piece] = []
        while next < buffer.count {
            let newline = buffer[max(next, searched)...].firstIndex(of: UInt8(ascii: "\n"))
            searched = buffer.count
            guard let end = newline ?? (isLast ? buffer.count : nil) else { break }
            searched = end
            take(buffer[next..<end], at: next, after: min(end + 1, buffer.count), &pieces)
            next = min(end + 1, buffer.count)
            line += 1
        }
        if isLast { finish(at: buffer.count, &pieces) }
        drop()
        if buffer.count > Self.maximumPiece, !isLast { giveUp(&pieces) }
        return pieces
    }

    /// Lets go of a piece that is too long; the next document is read again.
    private mutating func giveUp(_ pieces: inout [Piece]) {
        if !isTooLong { pieces.append(.tooLong(line: beginLine)) }
        isTooLong = true
        mode = .document
        // What was looked at; of a line that has not ended all is dropped, so that the rest of it counts as a line.
        let count = next > 0 ? next : buffer.count
        buffer.removeFirst(count)
        (next, begin, searched) = (0, 0, 0)
        beginLine = line
    }

    /// Lets go of what was given.
    private mutating func drop() {
        let count = begin
        buffer.removeFirst(count)
        (next, begin) = (next - count, 0)
        searched = max(0, searched - count)
        if case .list(let column, let start, let line, let index) = mode {
            mode = .list(column: column, start: start - count, line: line, index: index)
        }
    }

    private mutating func take(_ text: ArraySlice<UInt8>, at start: Int, after: Int, _ pieces: inout [Piece]) {
        if Self.isSeparator(text) {
            finish(at: start, &pieces)
            // A document may begin on the separator's own line.
            let isOwn = text.dropFirst(3).first { $0 > 0x20 }.map { $0 != UInt8(ascii: "#") } ?? false
            (mode, begin, beginLine) = (.document, isOwn ? start + 3 : after, isOwn ? line : line + 1)
            return
        }
        let indentation = text.prefix { $0 == UInt8(ascii: " ") }.count
        let rest = text.dropFirst(indentation)
        let isBlank = rest.allSatisfy { $0 <= 0x20 } || rest.first == UInt8(ascii: "#")
        let isDash = rest.first == UInt8(ascii: "-") && (rest.dropFirst().first ?? 0x20) <= 0x20
        switch mode {
        case .document:
            let name = Array("items:".utf8)
            if text.starts(with: name), text.dropFirst(name.count).allSatisfy({ $0 <= 0x20 }) { mode = .items }
        case .items where isBlank: break
        case .items:
            mode = isDash ? .list(column: indentation, start: start, line: line, index: 0) : .document
        case .list(let column, let item, let itemLine, let index):
            // Blank lines may be of a text; what is indented deeper is of the item.
            if isBlank || indentation > column { break }
            guard give(item..<start, itemLine, index, column, &pieces) else { break }
            begin = start
            mode =
                isDash && indentation == column
                ? .list(column: column, start: start, line: line, index: index + 1) : .rest
        case .rest: begin = after
        }
    }

    private mutating func finish(at end: Int, _ pieces: inout [Piece]) {
        if case .list(let column, let item, let itemLine, let index) = mode,
            give(item..<end, itemLine, index, column, &pieces)
        {
            mode = .rest
        }
        switch mode {
        case .document, .items:
            if !isTooLong { pieces.append(.document(Array(buffer[begin..<end]), line: beginLine)) }
        case .list, .rest: break
        }
        (mode, begin, beginLine) = (.document, end, line)
        isTooLong = false
    }

    /// - Returns: whether items of this List can be read one by one. Those of a PodList may not tell what they
    ///   are: then the document is read as a whole.
    private mutating func give(
        _ range: Range<Int>, _ line: Int, _ index: Int, _ column: Int, _ pieces: inout [Piece]
    ) -> Bool {
        if index == 0, !Self.tellsKind(buffer[range], column) {
            mode = .document
            return false
        }
        pieces.append(.item(Array(buffer[range]), index: index, line: line))
        return true
    }

    private static func tellsKind(_ item: ArraySlice<UInt8>, _ column: Int) -> Bool {
        item.split(separator: UInt8(ascii: "\n")).contains { line in
            let text = line.dropFirst(column + 2)
            return text.starts(with: "kind:".utf8) || text.starts(with: "\"kind\":".utf8)
        }
    }

    private static func isSeparator(_ text: ArraySlice<UInt8>) -> Bool {
        text.starts(with: [0x2D, 0x2D, 0x2D]) && (text.count == 3 || text[text.startIndex + 3] <= 0x20)
    }
}
