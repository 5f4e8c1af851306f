/// A database's URL, cut as libpq cuts it: `[user[:password]@][host][:port][,...][/database][?name=value&...]`
/// (https://www.postgresql.org/docs/current/libpq-connect.html, Connection URIs).
///
/// An error shows neither a port nor a value: where an unescaped `/` stands in a password, part of it is taken for
/// them.
struct StoreURL {
    /// A host and its port, as they stand there.
    struct Host: Hashable {
        /// Empty where none was given. An IPv6 address has no brackets here.
        var name: String
        var port: Int?
    }

    /// A parameter; one that comes twice is in the list twice.
    struct Parameter: Hashable {
        var name: String
        var value: String
    }

    /// `nil` where it is missing or empty.
    var user: String?
    /// `nil` without a colon after the user.
    var password: String?
    /// At least one.
    var hosts: [Host]
    /// `nil` where it is missing or empty.
    var database: String?
    var parameters: [Parameter] = []

    private static let hint =
        "write : / @ ? and % of a user or password as %3A %2F %40 %3F %25, or use password-file=PATH"

    /// - Parameter bytes: what follows the scheme's two slashes.
    /// - Throws: ``StoreAddressError``.
    init(_ bytes: ArraySlice<UInt8>) throws {
        if let place = bytes.firstIndex(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw StoreAddressError(
                "the address has a line break or another control character after \(place - bytes.startIndex) "
                    + "characters behind ://")
        }
        guard bytes.last != 0x20 else { throw StoreAddressError("the address ends with a blank; one of a name is %20") }
        var rest = bytes
        if let at = rest.firstIndex(where: { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "/") }),
            rest[at] == UInt8(ascii: "@")
        {
            let parts = rest[..<at].split(
                separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            // The user is shown, and a password among parameters may have an @.
            guard !parts[0].contains(UInt8(ascii: "?")) else {
                throw StoreAddressError(
                    "there is a ? in the user; if parameters begin there, write / before it, and @ of a value as %40")
            }
            let user = try PercentEncoding.decoded(parts[0], "the user")
            self.user = user.isEmpty ? nil : user
            if parts.count == 2 { password = try PercentEncoding.decoded(parts[1], "the password") }
            rest = rest[(at + 1)...]
            // Of a password with @ and ? in it, the rest would be a host and parameters, which are shown.
            guard !rest.contains(UInt8(ascii: "@")) || !rest.prefix(while: { $0 != 0x40 }).contains(0x3F) else {
                throw StoreAddressError(
                    "there is an @ among the parameters, write %40; if it ends a password: \(Self.hint)")
            }
        }
        hosts = try Self.hosts(&rest)
        // Where part of a password is taken for something else, the @ after it tells.
        guard !rest.prefix(while: { $0 != UInt8(ascii: "?") }).contains(UInt8(ascii: "@")) else {
            throw StoreAddressError("there is an @ after the hosts; if it ends a password: \(Self.hint)")
        }
        if rest.first == UInt8(ascii: "/") {
            rest = rest.dropFirst()
            let end = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
            let name = try PercentEncoding.decoded(rest[..<end], "the database's name")
            database = name.isEmpty ? nil : name
            rest = rest[end...]
        }
        if rest.first == UInt8(ascii: "?") { parameters = try Self.parameters(rest.dropFirst()) }
    }

    /// Takes the hosts off the front of `rest`, up to its path or parameters.
    private static func hosts(_ rest: inout ArraySlice<UInt8>) throws -> [Host] {
        var hosts: [Host] = []
        while true {
            let place = "host \(hosts.count + 1)"
            let name: ArraySlice<UInt8>
            if rest.first == UInt8(ascii: "[") {
                guard let end = rest.firstIndex(of: UInt8(ascii: "]")), end > rest.startIndex + 1 else {
                    throw StoreAddressError("\(place): an IPv6 address stands in brackets, as in [::1]:5432")
                }
                name = rest[(rest.startIndex + 1)..<end]
                rest = rest[(end + 1)...]
                guard rest.first.map({ ":/?,".utf8.contains($0) }) ?? true else {
                    throw StoreAddressError("\(place): only : / ? or , may follow the bracket")
                }
            } else {
                name = rest.prefix { !":/?,".utf8.contains($0) }
                rest = rest.dropFirst(name.count)
            }
            var port: Int?
            if rest.first == UInt8(ascii: ":") {
                let digits = rest.dropFirst().prefix { !"/?,".utf8.contains($0) }
                rest = rest.dropFirst(1 + digits.count)
                if !digits.isEmpty {
                    let text = try PercentEncoding.decoded(digits, "the port of \(place)")
                    guard let number = StoreURL.port(text) else {
                        throw StoreAddressError(
                            "the port of \(place) should be a number from 1 to 65535; if this is no port: \(hint)")
                    }
                    port = number
                }
            }
            guard !name.contains(UInt8(ascii: "@")) else {
                throw StoreAddressError("\(place) has an @; if it is part of a password: \(Self.hint)")
            }
            hosts.append(Host(name: try PercentEncoding.decoded(name, place), port: port))
            guard rest.first == UInt8(ascii: ",") else { return hosts }
            rest = rest.dropFirst()
        }
    }

    private static func parameters(_ bytes: ArraySlice<UInt8>) throws -> [Parameter] {
        try bytes.split(separator: UInt8(ascii: "&")).enumerated().map { number, bytes in
            let parts = bytes.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw StoreAddressError(
                    "parameter \(number + 1) should be NAME=VALUE, with = and & of a value as %3D and %26")
            }
            let name = try PercentEncoding.decoded(parts[0], "the name of parameter \(number + 1)")
            let value = try PercentEncoding.decoded(parts[1], "the value of parameter \(number + 1)")
            return Parameter(name: name, value: value)
        }
    }

    /// A port from 1 to 65535.
    static func port(_ text: String) -> Int? {
        guard text.utf8.allSatisfy(\.isASCIIDigit), let port = Int(text) else { return nil }
        return (1...65_535).contains(port) ? port : nil
    }

    /// A yes or no.
    /// - Throws: ``StoreAddressError`` that names the parameter.
    static func flag(_ parameter: Parameter) throws -> Bool {
        switch parameter.value.lowercased() {
        case "true", "1", "yes": return true
        case "false", "0", "no": return false
        default: throw StoreAddressError("\(parameter.name): should be true or false")
        }
    }
}

/// Percent-encoding (RFC 3986, 2.1). A plus sign stands for itself, as in libpq.
enum PercentEncoding {
    /// - Parameter place: what it is, for the error; the text itself may be a secret.
    /// - Throws: ``StoreAddressError``.
    static func decoded(_ bytes: ArraySlice<UInt8>, _ place: String) throws -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                throw StoreAddressError("\(place): % needs two hexadecimal digits after it; % itself is %25")
            }
            result.append(high << 4 | low)
        }
        guard !result.contains(0) else { throw StoreAddressError("\(place) has a NUL character, %00") }
        guard let text = String(validating: result, as: UTF8.self) else {
            throw StoreAddressError("\(place) is not UTF-8 when decoded")
        }
        return text
    }

    /// Letters, digits and `-._~` stay.
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            if byte.isASCIILetter || byte.isASCIIDigit || "-._~".utf8.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    /// A host as it stands in a URL: an IPv6 address in brackets.
    static func encodedHost(_ name: String) -> String {
        let isIPv6 = name.utf8.contains(UInt8(ascii: ":")) && !name.utf8.contains(UInt8(ascii: "/"))
        guard isIPv6 else { return encoded(name) }
        let groups = name.split(separator: ":", omittingEmptySubsequences: false).map { encoded(String($0)) }
        return "[" + groups.joined(separator: ":") + "]"
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
