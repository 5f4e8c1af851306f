import FoundationEssentials

/// A certificate of our own making, with its key and those whose certificates must be trusted beside it.
struct HeldCertificate: Sendable, Hashable {
    /// A certificate authority. Its key is forgotten once it has signed its one certificate.
    struct Authority: Sendable, Hashable {
        /// With a line break at its end.
        var pem: String
        var end: Date
    }

    /// In PEM.
    var certificate: String
    /// In PEM, PKCS #8. Never logged.
    var key: String
    /// First its own; then those of certificates before it that have not ended.
    var authorities: [Authority]
    var start: Date
    var end: Date

    /// What whoever calls has to trust, in PEM.
    var bundle: String { authorities.map(\.pem).joined() }

    /// How long a certificate lasts.
    static let lifetime: TimeInterval = 90 * 86_400
    /// Clocks differ: it holds from a little before it was made.
    static let backdating: TimeInterval = 3600
}
