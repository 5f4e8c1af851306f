import SQL

extension ServerError.Kind {
    /// What a SQLSTATE of PostgreSQL's means to callers.
    /// - Parameter isConnecting: whether it is the answer to an attempt to connect.
    init(state: String, isConnecting: Bool = false) {
        switch state {
        case "23505": self = .uniqueViolation
        // Serialization failure, deadlock, a lock not to be had in time.
        case "40001", "40P01", "55P03": self = .conflict
        // The connection goes on after a message that the server did not take.
        case "08P01" where !isConnecting: self = .other
        // Shut down, crashed, not up yet, idle for too long.
        case "57P01", "57P02", "57P03", "57P05": self = isConnecting ? .cannotConnect : .connectionLost
        case "53300": self = .cannotConnect
        case "42501": self = .notAllowed
        case "3D000": self = .noDatabase
        case "42P01": self = .noTable
        case "25006": self = .readOnly
        // The disk; the limit of temporary files.
        case "53100", "53400": self = .full
        // Among others: a value too large for an index.
        case "54000": self = .badValue
        case "57014": self = .interrupted
        case "26000", "42P05": self = .lostStatement
        default:
            switch state.prefix(2) {
            case "08": self = isConnecting ? .cannotConnect : .connectionLost
            case "28": self = .notAllowed
            case "22": self = .badValue
            default: self = isConnecting ? .cannotConnect : .other
            }
        }
    }
}

extension ServerError {
    /// What a result says went wrong.
    init(_ library: LibPQ, result: LibPQ.Result, statement: Int) {
        func field(_ code: Int32) -> String? { library.resultErrorField(result, code).map { String(cString: $0) } }
        let state = field(DiagnosticField.state) ?? ""
        var kind = Kind(state: state)
        // The server ends the connection, whatever the reason.
        if let severity = field(DiagnosticField.severity), severity == "FATAL" || severity == "PANIC" {
            kind = .connectionLost
        }
        // "cached plan must not change result type", in any language.
        if state == "0A000", field(DiagnosticField.sourceFunction) == "RevalidateCachedQuery" { kind = .lostStatement }
        let whole = library.resultErrorMessage(result).map { Self.line(String(cString: $0)) }
        var message = field(DiagnosticField.primaryMessage) ?? whole ?? ""
        if kind == .uniqueViolation {
            if let name = field(DiagnosticField.constraint), !message.contains(name) { message += " \"\(name)\"" }
            if let detail = field(DiagnosticField.detail) { message += ": \(detail)" }
        }
        self.init(kind, message.isEmpty ? "the statement failed" : message, state: state, statement: statement)
    }

    /// The connection broke.
    /// - Parameter statement: the first whose answer is not known.
    init(lost library: LibPQ, _ connection: LibPQ.Connection, statement: Int) {
        let message = library.errorMessage(connection).map { Self.line(String(cString: $0)) } ?? ""
        self.init(
            .connectionLost, message.isEmpty ? "the connection to the server was lost" : message, statement: statement)
    }

    /// A connection could not be made.
    /// - Parameter connection: with verbose messages: they alone tell the SQLSTATE.
    init(connecting library: LibPQ, _ connection: LibPQ.Connection) {
        var state = ""
        let text = library.errorMessage(connection).map { String(cString: $0) } ?? ""
        var lines: [String] = []
        for var line in text.split(separator: "\n") where !line.hasPrefix("LOCATION:  ") {
            if let found = Self.state(in: line) {
                // Of several hosts the last one counts.
                state = String(line[found])
                line = line[..<found.lowerBound] + line[found.upperBound...].dropFirst(2)
            }
            // With TLS and without it the server says the same.
            if !lines.contains(String(line)) { lines.append(String(line)) }
        }
        let message = Self.line(lines.joined(separator: "\n"))
        let needsPassword = library.connectionNeedsPassword(connection) != 0
        self.init(
            needsPassword ? .notAllowed : Kind(state: state, isConnecting: true),
            message.isEmpty ? "no connection could be made" : message, state: state)
    }

    /// The SQLSTATE in `FATAL:  28P01: password authentication failed`.
    private static func state(in line: Substring) -> Range<Substring.Index>? {
        let text = line.utf8
        var start = text.startIndex
        while let colon = text[start...].firstIndex(of: UInt8(ascii: ":")) {
            start = text.index(after: colon)
            let rest = text[start...].prefix(9)
            guard rest.count == 9, rest.starts(with: "  ".utf8), rest.dropFirst(7).elementsEqual(": ".utf8),
                rest.dropFirst(2).prefix(5).allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) })
            else { continue }
            let code = rest.dropFirst(2).prefix(5)
            return code.startIndex..<code.endIndex
        }
        return nil
    }

    /// Several lines as one.
    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " || $0 == "\t" } }.filter { !$0.isEmpty }
            .joined(separator: "; ")
    }
}
