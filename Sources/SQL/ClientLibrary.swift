#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A client library of a database server, loaded when it is first needed: who keeps a SQLite file does not have it
/// installed. It is never unloaded: connections may live as long as the process.
public struct ClientLibrary {
    /// Such as `the MySQL client library libmariadb.so.3`.
    private let name: String
    /// Which package has it.
    private let advice: String
    private let handle: UnsafeMutableRawPointer

    /// Loads the library.
    /// - Parameters:
    ///   - file: as the loader finds it.
    ///   - server: whose it is, such as `MySQL`.
    ///   - advice: which package has it.
    /// - Throws: ``ServerError``, `noLibrary`.
    public init(_ file: String, server: String, advice: String) throws(ServerError) {
        name = "the \(server) client library \(file)"
        self.advice = advice
        guard let handle = dlopen(file, RTLD_NOW | RTLD_LOCAL) else {
            throw ServerError(
                .noLibrary,
                "\(name) cannot be loaded; \(advice)" + (dlerror().map { ": \(String(cString: $0))" } ?? ""))
        }
        self.handle = handle
    }

    /// A function of the library.
    /// - Throws: ``ServerError``, `noLibrary`, where it has no such.
    public func symbol<Function>(_ symbol: String) throws(ServerError) -> Function {
        guard let address = dlsym(handle, symbol) else {
            throw ServerError(.noLibrary, "\(name) is too old, it has no \(symbol); \(advice)")
        }
        return unsafeBitCast(address, to: Function.self)
    }
}
