import FoundationEssentials

/// The value of the Authorization header, kept fresh.
actor TokenSource {
    /// Service account tokens are rotated well before they expire; client-go reads again as often.
    private static let fileLifetime: TimeInterval = 60

    private let credentials: Credentials
    private var cached: (header: String?, expires: Date)?

    init(_ credentials: Credentials) { self.credentials = credentials }

    /// - Parameter refresh: the last one was refused.
    /// - Throws: ``ConfigurationError``.
    func header(refresh: Bool = false) async throws -> String? {
        switch credentials {
        case .none: return nil
        case .token(let token): return "Bearer \(token)"
        case .basic(let user, let password):
            return "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
        case .tokenFile, .exec: break
        }
        if let cached, !refresh, cached.expires > Date() { return cached.header }
        let fresh = try await load()
        cached = fresh
        return fresh.header
    }

    private func load() async throws -> (header: String?, expires: Date) {
        switch credentials {
        case .tokenFile(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ConfigurationError("token file \(path): cannot be read")
            }
            let token = String(decoding: data, as: UTF8.self)
                .split(whereSeparator: \.isWhitespace).joined()
            guard !token.isEmpty else { throw ConfigurationError("token file \(path): is empty") }
            return ("Bearer \(token)", Date(timeIntervalSinceNow: Self.fileLifetime))
        case .exec(let plugin):
            let credential = try await plugin.run()
            // A little early, so that no request goes out with a token that dies on the way.
            let expires = credential.expires?.addingTimeInterval(-10) ?? .distantFuture
            return (credential.token.map { "Bearer \($0)" }, expires)
        case .none, .token, .basic: return (nil, .distantFuture)
        }
    }
}
