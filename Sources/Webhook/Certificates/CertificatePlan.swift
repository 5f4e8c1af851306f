import FoundationEssentials

/// What is to be done about the certificate, and about those who have to trust it: a state machine without a clock or
/// a network of its own.
///
/// The Secret is what all replicas agree by: who writes it first has made the certificate for all. A new certificate is
/// made while the one before still holds for a third of its time. It has an authority of its own, and is served only
/// once the webhook configurations have had that authority beside the old one for a while: the API server learns of
/// them by watching.
struct CertificatePlan: Sendable {
    /// The Secret as it was read.
    enum Secret: Sendable, Hashable {
        case absent
        /// With whatever authorities can still be read.
        case unusable(version: String, authorities: [HeldCertificate.Authority])
        case holds(version: String, HeldCertificate)
    }

    /// A webhook configuration that is there: the bundles of those of its webhooks that call our service.
    struct Configuration: Sendable, Hashable {
        var kind: WebhookConfigurationKind
        /// In PEM; empty for none.
        var bundles: [String]
    }

    enum Action: Sendable, Hashable {
        /// Make a certificate and write it.
        /// - Parameters:
        ///   - version: of the Secret that it replaces; `nil` makes one.
        ///   - authorities: those that stay trusted.
        case issue(replacing: String?, authorities: [HeldCertificate.Authority])
        /// Write the Secret without authorities that have ended.
        case prune(version: String, HeldCertificate)
        /// Write the bundle into a configuration.
        case trust(WebhookConfigurationKind, bundle: String)
        /// Use this certificate from now on.
        case serve(HeldCertificate)
    }

    /// A configuration is not written again within this time, whoever else writes it, in seconds.
    static let trustInterval: TimeInterval = 60
    /// How long the API server has to learn of a new authority, in seconds.
    static let trustDelay: TimeInterval = 30
    /// A certificate is not made again within this time, in seconds: replicas whose clocks are far apart, or somebody
    /// else who writes the Secret, would go on for ever.
    static let issueInterval: TimeInterval = 3600
    /// Authorities that are kept beside a new one.
    private static let maximumAuthorities = 8

    /// The certificate that is served.
    private(set) var served: HeldCertificate?
    private var issued: Date?
    private var trusted: [WebhookConfigurationKind: Date] = [:]
    /// Since when all configurations have had the authority of a certificate.
    private var settled: (certificate: String, since: Date)?

    /// What is to be done now.
    mutating func actions(at now: Date, secret: Secret, configurations: [Configuration]) -> [Action] {
        switch secret {
        // Deleted by somebody: what is still served stays trusted until the new one is.
        case .absent:
            return mayIssue(now)
                ? [.issue(replacing: nil, authorities: live(served?.authorities ?? [], now))] : []
        case .unusable(let version, let authorities):
            return mayIssue(now) ? [.issue(replacing: version, authorities: live(authorities, now))] : []
        case .holds(let version, let held):
            var actions: [Action] = []
            // First what others wait for.
            if mustReplace(held, now), mayIssue(now) {
                actions.append(.issue(replacing: version, authorities: live(held.authorities, now)))
            } else if let pruned = pruned(held, now) {
                actions.append(.prune(version: version, pruned))
            }
            for configuration in configurations where configuration.bundles.contains(where: { $0 != held.bundle }) {
                if let last = trusted[configuration.kind], Self.isWithin(now, last, Self.trustInterval) { continue }
                trusted[configuration.kind] = now
                actions.append(.trust(configuration.kind, bundle: held.bundle))
            }
            if mayServe(held, configurations, now), served != held {
                served = held
                actions.append(.serve(held))
            }
            return actions
        }
    }

    /// Notes that a certificate was made and written.
    mutating func wroteCertificate(at now: Date) { issued = now }

    /// Whether whoever calls trusts the certificate that is served, as far as configurations tell.
    func isTrusted(by configurations: [Configuration]) -> Bool {
        guard let own = served?.authorities.first?.pem else { return false }
        let bundles = configurations.flatMap(\.bundles)
        return !bundles.isEmpty && bundles.allSatisfy { $0.contains(own) }
    }

    // MARK: Deciding

    private func mayIssue(_ now: Date) -> Bool {
        guard let issued else { return true }
        return !Self.isWithin(now, issued, Self.issueInterval)
    }

    /// One that does not hold yet was made by a clock that was wrong, or the clock is wrong here: then this one is
    /// replaced in turn, once the clock is right.
    private func mustReplace(_ held: HeldCertificate, _ now: Date) -> Bool {
        now < held.start || held.end.timeIntervalSince(now) < held.end.timeIntervalSince(held.start) / 3
    }

    private func live(_ authorities: [HeldCertificate.Authority], _ now: Date) -> [HeldCertificate.Authority] {
        Array(authorities.filter { $0.end > now }.prefix(Self.maximumAuthorities - 1))
    }

    /// A day later: all replicas' clocks have to say so.
    private func pruned(_ held: HeldCertificate, _ now: Date) -> HeldCertificate? {
        guard let own = held.authorities.first else { return nil }
        var result = held
        result.authorities = [own] + held.authorities.dropFirst().filter { now.timeIntervalSince($0.end) < 86_400 }
        return result.authorities.count < held.authorities.count ? result : nil
    }

    private mutating func mayServe(_ held: HeldCertificate, _ configurations: [Configuration], _ now: Date) -> Bool {
        let bundles = configurations.flatMap(\.bundles)
        let isKnown = bundles.allSatisfy { bundle in held.authorities.first.map { bundle.contains($0.pem) } ?? false }
        if !isKnown {
            settled = nil
        } else if settled?.certificate != held.certificate || (settled?.since).map({ now < $0 }) ?? true {
            settled = (held.certificate, now)
        }
        // What is served already, or better than nothing.
        guard let served, served.certificate != held.certificate, now < served.end else { return true }
        return settled.map { now.timeIntervalSince($0.since) >= Self.trustDelay } ?? false
    }

    /// Whether a time is less than so many seconds after another. One before it is not: the clock went back.
    private static func isWithin(_ now: Date, _ then: Date, _ interval: TimeInterval) -> Bool {
        now >= then && now.timeIntervalSince(then) < interval
    }
}
