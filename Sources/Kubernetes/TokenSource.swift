import FoundationEssentials

/// The value of the Authorization header, kept fresh.
actor TokenSource {
    /// Service account tokens are rotated well before they expire; client-go reads again as often.
    private static let fileLifetime: TimeInterval = 60

    private typealias Loaded = (header: String?, expires: Date)

    private let credentials: Credentials
    private var cached: Loaded?
    /// Who comes while a plugin runs waits for that one.
    private var loading: Task<Loaded, any Error>?
    /// What must not be shown, newest last.
    private var secrets: [String] = []

    init(_ credentials: Credentials) { self.credentials = credentials }

    /// - Parameter refresh: the last one was refused.
    /// - Throws: ``ConfigurationError``.
    func header(refresh: Bool = false) async throws -> String? {
        if let cached, cached.expires > Date(), !(refresh && isRenewable) { return cached.header }
        let task = loading ?? Task { try await load() }
        loading = task
        defer { if loading == task { loading = nil } }
        let fresh = try await task.value
        cached = fresh
        return fresh.header
    }

    private var isRenewable: Bool {
        switch credentials {
        case .tokenFile, .exec: true
        case .none, .token, .basic: false
        }
    }

    private func load() async throws -> Loaded {
        switch credentials {
        case .none: return (nil, .distantFuture)
        case .token(let token): return (try bearer(token, of: "the token"), .distantFuture)
        case .basic(let user, let password):
            let encoded = Data("\(user):\(password)".utf8).base64EncodedString()
            hide(password)
            hide(encoded)
            return ("Basic " + encoded, .distantFuture)
        case .tokenFile(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ConfigurationError("token file \(path): cannot be read")
            }
            let header = try bearer(String(decoding: data, as: UTF8.self), of: "token file \(path)")
            return (header, Date(timeIntervalSinceNow: Self.fileLifetime))
        case .exec(let plugin):
            let credential = try await plugin.run()
            // A little early, so that no request goes out with a token that dies on the way.
            let expires = credential.expires?.addingTimeInterval(-10) ?? .distantFuture
            return (
                try credential.token.map { try bearer($0, of: "credential plugin \(plugin.command): its token") },
                expires
            )
        }
    }

    /// The header of a token. White space around it, such as a file's last line end, is no part of it.
    private func bearer(_ text: String, of origin: String) throws -> String {
        let token = text.split(whereSeparator: \.isWhitespace)
        guard let first = token.first else { throw ConfigurationError("\(origin): is empty") }
        // The HTTP client's own refusal would show the whole token.
        guard token.count == 1, first.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ConfigurationError("\(origin): has characters that no token has")
        }
        hide(String(first))
        return "Bearer \(first)"
    }

    /// Takes note of something that must not be shown.
    private func hide(_ secret: String) {
        // A shorter one would blank out words.
        guard secret.utf8.count >= 8, !secrets.contains(secret) else { return }
        secrets.append(secret)
        // A token that was rotated long ago is void.
        if secrets.count > 8 { secrets.removeFirst() }
    }

    /// A text from outside without the credentials, which a server may repeat in what it says.
    func redacting(_ text: String) -> String {
        secrets.reduce(text) { $0.contains($1) ? $0.replacing($1, with: "…") : $0 }
    }
}
