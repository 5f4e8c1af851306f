/// Where a store is.
public enum StoreAddress: Sendable, Hashable, CustomStringConvertible {
    /// The path of an SQLite file.
    case file(String)
    /// A database of a PostgreSQL server.
    case postgreSQL(PostgreSQLAddress)
    /// A database of a MySQL or MariaDB server.
    case mySQL(MySQLStoreAddress)

    /// Schemes that ``init(_:environment:readFile:)`` takes.
    static let schemes = ["postgresql://", "postgres://", "mysql://", "mariadb://", "sqlite://", "file:"]

    /// An address as people write it: the path of a file, or a URL.
    ///
    /// - `postgresql://`, `postgres://`: libpq's URIs, with whatever parameters it has.
    /// - `mysql://`, `mariadb://`: the same form; parameters are named as options of MySQL's own clients.
    /// - `file:`: SQLite's URIs without parameters.
    /// - `sqlite://`: SQLAlchemy's URLs, in which a path from the root has four slashes.
    /// - Any other text without `://` after a word is a path, unless it looks like an address of another program: such
    ///   a text may hold a password, and paths are shown.
    ///
    /// Two parameters are ours and go to no client library: `password-file=PATH` and `skip-db-creation=true`.
    ///
    /// A password is looked for in the URL, in that file, in the variable KFMD_STORE_PASSWORD, and where the client
    /// library would.
    /// - Parameters:
    ///   - environment: a variable's value.
    ///   - readFile: a file's content.
    /// - Throws: ``StoreAddressError`` that names what is wrong and where, never a password.
    public init(
        _ text: String, environment: (String) -> String?, readFile: (String) throws -> String
    ) throws {
        guard !text.isEmpty else { throw StoreAddressError("the store's address is empty") }
        guard !text.utf8.contains(0) else { throw StoreAddressError("the store's address has a NUL character") }
        let bytes = Array(text.utf8)
        guard let scheme = Self.scheme(bytes) else {
            if bytes.starts(with: "file:".utf8) {
                self = .file(try Self.path(fileURI: bytes.dropFirst(5)))
            } else {
                if let flaw = ForeignAddress.flaw(text) { throw StoreAddressError(flaw) }
                self = .file(text)
            }
            return
        }
        let rest = bytes.dropFirst(scheme.utf8.count + 3)
        switch scheme {
        case "postgresql", "postgres":
            let url = try StoreURL(rest)
            self = .postgreSQL(try PostgreSQLAddress(url, environment: environment, readFile: readFile))
        case "mysql", "mariadb":
            let url = try StoreURL(rest)
            self = .mySQL(try MySQLStoreAddress(url, environment: environment, readFile: readFile))
        case "sqlite": self = .file(try Self.path(sqliteURL: rest))
        case "file": self = .file(try Self.path(fileURI: bytes.dropFirst(5)))
        default:
            throw StoreAddressError(
                "\(scheme):// is no store's scheme; give a file's path, or one of "
                    + Self.schemes.joined(separator: ", "))
        }
    }

    /// As it can be written to a log: a path, or a URL without password and parameters.
    public var description: String {
        switch self {
        case .file(let path): path
        case .postgreSQL(let address): address.description
        case .mySQL(let address): address.description
        }
    }

    /// The word before `://`, in lower case; `nil` when a path stands there.
    private static func scheme(_ bytes: [UInt8]) -> String? {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8),
            let first = bytes.first, first.isASCIILetter,
            bytes[..<colon].allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || "+-.".utf8.contains($0) })
        else { return nil }
        return String(decoding: bytes[..<colon], as: UTF8.self).lowercased()
    }

    /// Of an SQLite URI, what follows `file:`. SQLite takes a path after it, or `//`, no host or localhost, and a path
    /// from the root (https://www.sqlite.org/uri.html).
    private static func path(fileURI bytes: ArraySlice<UInt8>) throws -> String {
        var rest = bytes
        if rest.starts(with: "//".utf8) {
            rest = rest.dropFirst(2)
            let host = rest.prefix { $0 != UInt8(ascii: "/") }
            guard host.isEmpty || host.elementsEqual("localhost".utf8) else {
                throw StoreAddressError(
                    "file://: the path should have three slashes before it, as in file:///data/a.db")
            }
            rest = rest.dropFirst(host.count)
        }
        return try path(rest, scheme: "file:")
    }

    /// Of an SQLAlchemy URL, what follows `sqlite://`: a slash that only separates, and the path.
    private static func path(sqliteURL bytes: ArraySlice<UInt8>) throws -> String {
        guard bytes.isEmpty || bytes.first == UInt8(ascii: "/") else {
            throw StoreAddressError(
                "sqlite://: a path needs three slashes before it, and four from the root: sqlite:////data/a.db")
        }
        return try path(bytes.dropFirst(), scheme: "sqlite://")
    }

    private static func path(_ bytes: ArraySlice<UInt8>, scheme: String) throws -> String {
        guard !bytes.contains(UInt8(ascii: "?")), !bytes.contains(UInt8(ascii: "#")) else {
            throw StoreAddressError("\(scheme) takes no parameters; write ? as %3F and # as %23 in a path")
        }
        let path = try PercentEncoding.decoded(bytes, "the path after \(scheme)")
        guard !path.isEmpty else { throw StoreAddressError("\(scheme): the path of a file is missing") }
        guard path != ":memory:" else { throw StoreAddressError(ForeignAddress.memory) }
        return path
    }
}

extension UInt8 {
    /// Whether it is a letter of ASCII.
    var isASCIILetter: Bool { (0x61...0x7A).contains(self | 0x20) }
    /// Whether it is a digit of ASCII.
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
}
