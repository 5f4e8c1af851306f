extension StringProtocol {
    /// Where an ASCII text begins and ends. Bytes are compared: `firstRange(of:)` compares characters, and a location is
    /// looked at several times for each step.
    func firstRange(ofBytes text: StaticString) -> Range<Index>? {
        let bytes = utf8
        return text.withUTF8Buffer { wanted -> Range<Index>? in
            guard let head = wanted.first else { return nil }
            var from = bytes.startIndex
            while let start = bytes[from...].firstIndex(of: head) {
                var end = start
                var count = 0
                while count < wanted.count, end < bytes.endIndex, bytes[end] == wanted[count] {
                    end = bytes.index(after: end)
                    count += 1
                }
                if count == wanted.count { return start..<end }
                from = bytes.index(after: start)
            }
            return nil
        }
    }
}
