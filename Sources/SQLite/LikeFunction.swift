import CSQLite

/// LIKE as SQLite has it, which can be interrupted: SQLite's own is one step of a query, and may take hours for a
/// long text and a pattern with several `%`.
///
/// Of ASCII letters the case does not count; `_` is one character, `%` any number; what follows the escape character
/// stands for itself; NULL gives NULL, a blob matches nothing, as in Debian's build.
enum LikeFunction {
    static func install(on connection: Connection) {
        for count: Int32 in [2, 3] {
            sqlite3_create_function_v2(
                connection.handle, "like", count, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                Unmanaged.passUnretained(connection).toOpaque(),
                { context, count, values in LikeFunction.call(context, count, values) }, nil, nil, nil)
        }
    }

    private static func call(
        _ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
    ) {
        guard let context, let values, let data = sqlite3_user_data(context) else { return }
        let types = (0..<Int(count)).map { sqlite3_value_type(values[$0]) }
        if types.contains(SQLITE_NULL) { return sqlite3_result_null(context) }
        if types.contains(SQLITE_BLOB) { return sqlite3_result_int(context, 0) }
        // The connection outlives its statements.
        let connection = Unmanaged<Connection>.fromOpaque(data).takeUnretainedValue()
        var escape: UInt32?
        if count == 3 {
            let scalars = text(values[2]).flatMap { String(validating: $0, as: UTF8.self) }?.unicodeScalars
            guard let scalars, scalars.count == 1, let first = scalars.first else {
                return sqlite3_result_error(context, "ESCAPE expression must be a single character", -1)
            }
            escape = first.value
        }
        guard let pattern = text(values[0]), let subject = text(values[1]) else {
            return sqlite3_result_error_nomem(context)
        }
        guard pattern.count <= Connection.maximumPattern else {
            return sqlite3_result_error(context, "LIKE or GLOB pattern too complex", -1)
        }
        var steps = 0
        let matches = LikeMatcher(pattern: pattern, escape: escape).matches(subject) {
            steps &+= 1
            return steps & 0xFFFF == 0 && connection.isInterruptionDue
        }
        switch matches {
        case true?: sqlite3_result_int(context, 1)
        case false?: sqlite3_result_int(context, 0)
        case nil: sqlite3_result_error_code(context, SQLITE_INTERRUPT)
        }
    }

    /// The bytes of a value, up to the first NUL as SQLite's own LIKE reads them.
    private static func text(_ value: OpaquePointer?) -> UnsafeBufferPointer<UInt8>? {
        guard let bytes = sqlite3_value_text(value) else { return nil }
        let all = UnsafeBufferPointer(start: bytes, count: Int(sqlite3_value_bytes(value)))
        return UnsafeBufferPointer(rebasing: all[..<(all.firstIndex(of: 0) ?? all.count)])
    }
}

/// Matches texts with one pattern of LIKE.
struct LikeMatcher {
    private enum Part {
        case any
        case one
        case scalar(UInt32)
    }

    private var parts: [Part] = []
    /// A pattern that ends in its escape character matches nothing.
    private var isBroken = false

    init(pattern: some Sequence<UInt8>, escape: UInt32?) {
        var isEscaped = false
        for scalar in String(decoding: Array(pattern), as: UTF8.self).unicodeScalars {
            if !isEscaped, scalar.value == escape {
                isEscaped = true
                continue
            }
            switch scalar {
            case "%" where !isEscaped:
                // Several are as one.
                if case .any? = parts.last { break }
                parts.append(.any)
            case "_" where !isEscaped: parts.append(.one)
            default: parts.append(.scalar(Self.folded(scalar.value)))
            }
            isEscaped = false
        }
        isBroken = isEscaped
    }

    private static func folded(_ scalar: UInt32) -> UInt32 {
        (0x41...0x5A).contains(scalar) ? scalar + 0x20 : scalar
    }

    /// Goes back to the last `%` only: what an earlier one could take in, that one can too.
    /// - Parameter isOver: asked at each step; whether to give up.
    /// - Returns: `nil` when it was given up.
    func matches(_ text: some Collection<UInt8>, isOver: () -> Bool = { false }) -> Bool? {
        if isBroken { return false }
        let subject = String(decoding: Array(text), as: UTF8.self).unicodeScalars
        var position = subject.startIndex
        var part = 0
        var retry: (part: Int, position: String.UnicodeScalarView.Index)?
        while position < subject.endIndex {
            if isOver() { return nil }
            if part < parts.count {
                switch parts[part] {
                case .any:
                    part += 1
                    retry = (part, position)
                    continue
                case .one:
                    (part, position) = (part + 1, subject.index(after: position))
                    continue
                case .scalar(let scalar) where scalar == Self.folded(subject[position].value):
                    (part, position) = (part + 1, subject.index(after: position))
                    continue
                case .scalar: break
                }
            }
            guard let last = retry else { return false }
            let next = subject.index(after: last.position)
            retry = (last.part, next)
            (part, position) = (last.part, next)
        }
        return parts[part...].allSatisfy { if case .any = $0 { true } else { false } }
    }
}
