/// What tells bytes from others in a few letters: FNV-1a of 64 bits. Nobody gains by making two that are the same to it.
struct Fingerprint {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    init(_ bytes: some Sequence<UInt8>) { add(bytes) }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    /// In letters and digits.
    var text: String { String(hash, radix: 36) }
}
