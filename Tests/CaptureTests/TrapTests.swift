import FoundationEssentials
import Testing

/// Conversions that trap where a number does not fit: each in what ships is known, with the reason why it fits.
@Suite struct TrapTests {
    private static let folder =
        String(#filePath.dropLast("Tests/CaptureTests/TrapTests.swift".count)) + "Sources"

    /// By what stands in the line.
    private static let known = [
        "bytes.append(UInt8(rest))": "seven bits are left",
        "Int(duration / .seconds(1))": "a duration that passed here",
        "Int32(link.execution)": "an index in a batch of 200",
        "Int32(link.artifact)": "an index in what a batch uses",
        "Int32(size ??": "of text: nil where it is none",
        "UInt32(SQLITE_PREPARE_PERSISTENT)": "a constant",
        "UInt8(SQLITE_UTF8)": "a constant",
        "Int32(GatheringFile.headerSize)": "a constant",
        "Int32(part)": "cut to 64 KiB before",
        "UInt32(digit)": "a digit",
        "UInt32(string(index..<end), radix": "of text: nil where it is none",
        "UInt32(digits, radix: radix)": "of text: nil where it is none",
        "Int32(MemoryLayout<z_stream>.size)": "a constant",
        "allSatisfy { UInt8($0) != nil }": "of text: nil where it is none",
        "Int32(SOCK_STREAM.rawValue)": "a constant",
        "UInt32(given)": "bounded in the line before",
        "UInt32(size)": "64 KiB",
        "UInt32(source.count)": "facts of one execution",
        "UInt32(data.count)": "facts of one execution",
        "Int32(link.": "an index of a request",
        "= (Int32(number), id)": "an index in a batch of 200 and the executions that it touches",
        "Int32(Budget.files)": "a constant",
        "Int(Double(bytes.count) * share)": "of the demo's own server",
        "timeIntervalSince1970 * 1_000_000": "of this machine's clock",
        "Int32(drawn)": "a constant",
        "flatMap { Int32($0) } ??": "of text: nil where it is none; and a constant",
        "Int32(Self.longest)": "a constant",
        "Int32(request.format == .html": "constants",
        "min(max(date.timeIntervalSince1970, -latest), latest)": "bounded there",
        "Int32(types.count), types": "checked against 65,535 before",
        "Int32(offsets.count), types": "checked against 65,535 before",
        "Int16(POLL": "constants",
        "entry.events |= Int16(event)": "one of three constants",
        "Option.localInfile, UInt32(0)": "a constant",
        "Option.reconnect, UInt8(0)": "a constant",
        "UInt8(usesTLS ? 1 : 0)": "constants",
        "UInt8(isVerified ? 1 : 0)": "constants",
        "guard let value = UInt8(digits": "of text: nil where it is none",
        "let scalar = UInt32(text, radix: 16)": "of text: nil where it is none",
    ]

    @Test func numbersFromOutsideReachNoConversionThatTraps() throws {
        let narrow = try Regex(#"\bU?Int(8|16|32)\(|\bInt(64)?\([^)]*(\.rounded|timeInterval|Double|/ \.seconds)"#)
        let exact = ["exactly", "clamping", "truncatingIfNeeded", "bitPattern", "ascii:", "fileprivate"]
        let files = try Self.sources(in: Self.folder)
        #expect(files.count > 100)
        for file in files {
            let bytes = try #require(FileManager.default.contents(atPath: file))
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                guard line.contains(narrow), !exact.contains(where: { line.contains($0) }) else { continue }
                #expect(Self.known.keys.contains { line.contains($0) }, "\(file): \(line)")
            }
        }
    }

    private static func sources(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().flatMap { name -> [String] in
            let path = "\(folder)/\(name)"
            if name.hasSuffix(".swift") { return [path] }
            return name.contains(".") || name == "Generated" ? [] : try sources(in: path)
        }
    }
}
