public import FoundationEssentials

/// Times as Kubernetes and the store write them: RFC 3339 in UTC.
public enum Timestamp {
    /// Reads `2026-11-22T03:44:29Z`, with or without a fraction of a second.
    ///
    /// `nil` also for times beyond the year 9999, which no database holds and no calendar shows.
    public static func parse(_ text: String) -> Date? {
        // Foundation repeats the text in its error, whatever its length.
        guard text.utf8.count <= 64 else { return nil }
        let text = normalized(text)
        let date =
            (try? Date.ISO8601FormatStyle().parse(text))
            ?? (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
        return date.flatMap { abs($0.timeIntervalSince1970) < latest ? $0 : nil }
    }

    /// As RFC 3339 has it: Python's YAML writes times back with a space (`2026-06-02 08:09:00+00:00`).
    private static func normalized(_ text: String) -> String {
        var bytes = Array(text.utf8)
        guard bytes.count > 11 else { return text }
        let space = bytes[10]
        guard space == UInt8(ascii: " ") || space == UInt8(ascii: "t") || bytes[bytes.count - 1] == UInt8(ascii: "z")
        else { return text }
        if space == UInt8(ascii: " ") || space == UInt8(ascii: "t") { bytes[10] = UInt8(ascii: "T") }
        if bytes[bytes.count - 1] == UInt8(ascii: "z") { bytes[bytes.count - 1] = UInt8(ascii: "Z") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The end of the year 9999, in seconds since 1970.
    private static let latest = 253_402_300_800.0

    /// Writes a time in UTC, to the second.
    public static func format(_ date: Date) -> String { date.formatted(.iso8601) }

    /// Writes a time in UTC, to the microsecond: the MicroTime of Leases.
    public static func formatMicroseconds(_ date: Date) -> String {
        let microseconds = Int64((date.timeIntervalSince1970 * 1_000_000).rounded(.down))
        let second = Date(timeIntervalSince1970: Double(microseconds / 1_000_000))
        let fraction = String(1_000_000 + microseconds % 1_000_000).dropFirst()
        return "\(format(second).dropLast()).\(fraction)Z"
    }

    /// Milliseconds since 1970, as MLMD counts time.
    public static func milliseconds(_ date: Date) -> Int64 {
        // Journals of before may hold any time.
        date.timeIntervalSince1970.isNaN
            ? 0 : Int64((min(max(date.timeIntervalSince1970, -latest), latest) * 1000).rounded())
    }

    /// The time of milliseconds since 1970.
    public static func date(milliseconds: Int64) -> Date {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}
