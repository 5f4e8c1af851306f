/// Credentials that stand in locations: they must neither make an identity nor be kept, shown or logged.
public enum Secrets {
    /// Names of parameters that carry a credential or are of a signature: presigned requests of S3 and Google Cloud
    /// Storage, tokens.
    private static let names: Set<String> = [
        "sig", "token", "auth", "apikey", "api_key", "api-key", "awsaccesskeyid", "googleaccessid", "signature",
        "credential", "private_token", "password", "passwd", "pwd",
    ]
    /// Words that make a name secret, wherever they stand in it.
    private static let words: Set<String> = [
        "token", "accesstoken", "secret", "secretkey", "password", "signature", "credential", "credentials", "apitoken",
        "authtoken", "idtoken", "refreshtoken", "sastoken", "sessiontoken", "securitytoken", "privatetoken",
    ]
    private static let prefixes = ["x-amz-", "x-goog-", "x-oss-", "x-obs-"]
    /// The other parameters of a shared access signature of Azure and of a signature of CloudFront; by themselves they
    /// may be anything.
    private static let sas: Set<String> = [
        "sv", "ss", "srt", "sp", "se", "st", "spr", "sr", "si", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv",
        "sdd",
        "expires", "policy", "key-pair-id",
    ]

    static func isSecret(_ name: Substring) -> Bool {
        let name = name.lowercased()
        if names.contains(name) || prefixes.contains(where: name.hasPrefix) { return true }
        return name.split { !$0.isLetter && !$0.isNumber }.contains { words.contains(String($0)) }
    }

    /// Whether a text has a query with a credential.
    static func areIn(query text: Substring) -> Bool {
        guard let mark = text.firstIndex(of: "?") else { return false }
        let query = String(text[mark...])
        return cut(query: query) != query
    }

    /// A query or fragment without the parameters that are secret.
    /// - Parameter query: with its mark, `?` or `#`; or empty. Within JSON `&` may be written `\u0026`, within HTML `&amp;`.
    static func cut(query: String) -> String {
        guard let mark = query.first, query.contains("=") else { return query }
        let parameters = divide(query.dropFirst())
        func name(_ parameter: Substring) -> Substring { parameter.prefix { $0 != "=" } }
        let isSigned = parameters.contains { ["sig", "signature"].contains(name($0.text).lowercased()) }
        let kept = parameters.filter { parameter in
            let name = name(parameter.text)
            if isSigned, sas.contains(name.lowercased()) { return false }
            return !(parameter.text.contains("=") && isSecret(name))
        }
        if kept.count == parameters.count { return query }
        guard let first = kept.first else { return "" }
        return kept.dropFirst().reduce("\(mark)\(first.text)") { $0 + $1.separator + $1.text }
    }

    /// The parameters, each with what stands before it; in one pass.
    private static func divide(_ query: Substring) -> [(separator: Substring, text: Substring)] {
        let bytes = query.utf8
        var result: [(separator: Substring, text: Substring)] = []
        var (start, index) = (bytes.startIndex, bytes.startIndex)
        var separator = query.prefix(0)
        while index < bytes.endIndex {
            let length: Int
            switch bytes[index] {
            case UInt8(ascii: "&"): length = bytes[index...].starts(with: "&amp;".utf8) ? 5 : 1
            case UInt8(ascii: ";"): length = 1
            case UInt8(ascii: "\\"): length = bytes[index...].starts(with: "\\u0026".utf8) ? 6 : 0
            default: length = 0
            }
            guard length > 0 else {
                index = bytes.index(after: index)
                continue
            }
            result.append((separator, query[start..<index]))
            let next = bytes.index(index, offsetBy: length)
            separator = query[index..<next]
            (start, index) = (next, next)
        }
        result.append((separator, query[start...]))
        return result
    }

    /// A text with the credentials of the locations in it cut out.
    public static func cut(from text: String) -> String {
        // Most texts have no location.
        guard text.utf8.contains(UInt8(ascii: ":")), text.contains("://") || text.contains(escaped) else { return text }
        // Slashes as some JSON has them.
        if text.contains(escaped) { return cut(from: text.replacing(escaped, with: "://")) }
        var result = ""
        var rest = text[...]
        while let mark = rest.firstRange(ofBytes: "://") {
            var start = mark.lowerBound
            while start > rest.startIndex, isSchemeCharacter(rest[rest.index(before: start)]) {
                start = rest.index(before: start)
            }
            // One may follow another, or be within it.
            var limit = rest[mark.upperBound...].firstRange(ofBytes: "://")?.lowerBound ?? rest.endIndex
            while limit < rest.endIndex, limit > mark.upperBound, isSchemeCharacter(rest[rest.index(before: limit)]) {
                limit = rest.index(before: limit)
            }
            var end = rest[mark.upperBound..<limit].firstIndex(where: isEnd) ?? limit
            // Within a JSON text in a JSON text the quote at the end has backslashes.
            while end < limit, end > mark.upperBound, rest[end] == "\"", rest[rest.index(before: end)] == "\\" {
                end = rest.index(before: end)
                if rest[rest.index(before: end)] != "\\" { break }
            }
            let uri = String(rest[start..<end])
            result += rest[..<start] + withoutCredentials(uri)
            rest = rest[end...]
        }
        return result + rest
    }

    private static let escaped = ":\\/\\/"

    private static func isSchemeCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "+-.".contains(character))
    }

    /// What cannot be in a uri, however it is written into another text.
    private static func isEnd(_ character: Character) -> Bool { character.isWhitespace || "\"'<>`".contains(character) }

    /// Like ``Location/tidy(_:)``, but for the rest of the text as it is.
    private static func withoutCredentials(_ uri: String) -> String {
        guard let mark = uri.firstRange(ofBytes: "://") else { return uri }
        let scheme = uri[..<mark.lowerBound]
        var rest = String(uri[mark.upperBound...])
        let slash = rest.firstIndex { "/?#;".contains($0) } ?? rest.endIndex
        if let at = rest[..<slash].lastIndex(of: "@"),
            rest[..<at].contains(":") || scheme.hasPrefix("http") || scheme.hasPrefix("git+http")
        {
            rest = String(rest[rest.index(after: at)...])
        }
        for separator in ["#", "?", ";"] as [Character] {
            guard let index = rest.firstIndex(of: separator) else { continue }
            let tail = rest[index...]
            let end = separator == "#" ? tail.endIndex : tail.firstIndex(of: "#") ?? tail.endIndex
            rest.replaceSubrange(index..<end, with: cut(query: String(tail[..<end])))
        }
        return "\(scheme)://\(rest)"
    }
}
