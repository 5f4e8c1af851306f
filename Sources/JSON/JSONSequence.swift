/// Values one after the other: JSON lines, or a stream of pretty-printed objects.
///
/// After a value that is no JSON it goes on at the next line that begins with `{`.
public struct JSONSequence: Sequence, IteratorProtocol {
    private let bytes: [UInt8]
    private var index = 0

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    }

    public mutating func next() -> Result<JSONValue, JSONError>? {
        let start = index
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<(value: JSONValue, end: Int)?, JSONError> in
            var parser = JSONParser(bytes: buffer, from: start)
            do throws(JSONError) { return .success(try parser.next()) } catch { return .failure(error) }
        }
        switch result {
        case .success(nil): return nil
        case .success(let found?):
            index = found.end
            return .success(found.value)
        case .failure(let error):
            skipToNextObject()
            return .failure(error)
        }
    }

    private mutating func skipToNextObject() {
        // Past the line end before the broken value, which begins a line itself.
        while index < bytes.count, bytes[index] <= 0x20 { index += 1 }
        while let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) {
            index = end + 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "{") { return }
        }
        index = bytes.count
    }
}
