import Foundation

/// A port of 127.0.0.1 that nothing listens on, below those that the kernel gives to clients: one of these would take it
/// while a server is stopped. No other test process takes it as long as the value lives.
public final class FreePort: Sendable {
    public let number: Int
    private let claim: Int32

    /// - Throws: ``TestDatabaseError`` where none is free.
    public init() throws {
        for _ in 0..<100 {
            let number = UInt16.random(in: 15000..<30000)
            guard let claim = Self.claim(number) else { continue }
            if Self.isFree(number) {
                self.number = Int(number)
                self.claim = claim
                return
            }
            close(claim)
        }
        throw TestDatabaseError("no port is free: \(String(cString: strerror(errno)))")
    }

    deinit { close(claim) }

    /// A Unix socket by the port's name, which is in no folder and goes with the process.
    private static func claim(_ number: UInt16) -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array("\0kfmd-test-port-\(number)".utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + name.count
        return bound(AF_UNIX, address, length: length)
    }

    private static func isFree(_ number: UInt16) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = number.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        guard let socket = bound(AF_INET, address, length: MemoryLayout<sockaddr_in>.size) else { return false }
        close(socket)
        return true
    }

    /// A socket with this address, which no other has.
    private static func bound<Address>(_ family: Int32, _ address: Address, length: Int) -> Int32? {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let code = withUnsafeBytes(of: address) {
            bind(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
        if code == 0 { return descriptor }
        close(descriptor)
        return nil
    }
}
