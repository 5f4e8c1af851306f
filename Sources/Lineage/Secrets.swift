/// Credentials that stand in locations: they must neither make an identity nor be kept, shown or logged.
public enum Secrets {
    /// Names of parameters that carry a credential or are of a signature: presigned requests of S3 and Google Cloud
    /// Storage, tokens.
    private static let names: Set<String> = [
        "sig", "token", "auth", "apikey", "api_key", "api-key", "awsaccesskeyid", "googleaccessid", "signature",
        "credential", "private_token", "password", "passwd", "pwd",
    ]
    private static let parts = ["token", "secret", "password", "signature", "credential"]
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
        return names.contains(name) || prefixes.contains(where: name.hasPrefix) || parts.contains(where: name.contains)
    }

    /// Whether a text has a query with a credential.
    static func areIn(query text: Substring) -> Bool {
        guard let mark = text.firstIndex(of: "?") else { return false }
        let query = String(text[mark...])
        return cut(query: query) != query
    }

    /// A query or fragment without the parameters that are secret.
    /// - Parameter query: with its mark, `?` or `#`; or empty.
    static func cut(query: String) -> String {
        guard let mark = query.first, query.contains("=") else { return query }
        let parameters = query.dropFirst().split(separator: "&", omittingEmptySubsequences: false)
        func name(_ parameter: Substring) -> Substring { parameter.prefix { $0 != "=" } }
        let isSigned = parameters.contains { ["sig", "signature"].contains(name($0).lowercased()) }
        let kept = parameters.filter { parameter in
            let name = name(parameter)
            if isSigned, sas.contains(name.lowercased()) { return false }
            return !(parameter.contains("=") && isSecret(name))
        }
        if kept.count == parameters.count { return query }
        return kept.isEmpty ? "" : "\(mark)\(kept.joined(separator: "&"))"
    }

    /// A text with the credentials of the locations in it cut out.
    public static func cut(from text: String) -> String {
        // Most texts have no location.
        guard text.utf8.contains(UInt8(ascii: ":")), text.contains("://") else { return text }
        var result = ""
        var rest = text[...]
        while let mark = rest.firstRange(of: "://") {
            var start = mark.lowerBound
            while start > rest.startIndex, isSchemeCharacter(rest[rest.index(before: start)]) {
                start = rest.index(before: start)
            }
            let end = rest[mark.upperBound...].firstIndex(where: isEnd) ?? rest.endIndex
            let uri = String(rest[start..<end])
            result += rest[..<start] + withoutCredentials(uri)
            rest = rest[end...]
        }
        return result + rest
    }

    private static func isSchemeCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "+-.".contains(character))
    }

    private static func isEnd(_ character: Character) -> Bool {
        character.isWhitespace || "\"'<>\\`{}|,;)".contains(character)
    }

    /// Like ``Location/tidy(_:)``, but for the rest of the text as it is.
    private static func withoutCredentials(_ uri: String) -> String {
        guard let mark = uri.firstRange(of: "://") else { return uri }
        let scheme = uri[..<mark.lowerBound]
        var rest = String(uri[mark.upperBound...])
        let slash = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        if let at = rest[..<slash].lastIndex(of: "@"),
            rest[..<at].contains(":") || scheme.hasPrefix("http") || scheme.hasPrefix("git+http")
        {
            rest = String(rest[rest.index(after: at)...])
        }
        for separator in ["#", "?"] as [Character] {
            guard let index = rest.firstIndex(of: separator) else { continue }
            let tail = rest[index...]
            let end = separator == "?" ? tail.firstIndex(of: "#") ?? tail.endIndex : tail.endIndex
            rest.replaceSubrange(index..<end, with: cut(query: String(tail[..<end])))
        }
        return "\(scheme)://\(rest)"
    }
}
