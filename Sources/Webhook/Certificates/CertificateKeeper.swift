import FoundationEssentials
import Kubernetes
import Logging

/// Does what a ``CertificatePlan`` says, until it is cancelled.
actor CertificateKeeper {
    private let client: APIClient
    private let service: ServiceName
    private let secretName: String
    private let configurationName: String
    private let served: ServedCertificate
    private let status: WebhookStatus
    private let logger: Logger
    private let interval: Duration
    private let clock: @Sendable () -> Date
    private var plan = CertificatePlan()
    /// What is wrong, as it was told, and what this round has found.
    private var told: [WebhookStatus.Part: String] = [:]
    private var found: [WebhookStatus.Part: String] = [:]

    /// A lost race is looked at again soon, but not for ever.
    private static let maximumRounds = 5

    /// - Parameters:
    ///   - interval: how often it looks.
    ///   - clock: what time it is.
    init(
        _ client: APIClient, _ service: ServiceName, secret: String, configuration: String, served: ServedCertificate,
        status: WebhookStatus, logger: Logger, interval: Duration = .seconds(60),
        clock: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.client = client
        self.service = service
        secretName = secret
        configurationName = configuration
        self.served = served
        self.status = status
        self.logger = logger
        self.interval = interval
        self.clock = clock
    }

    func run() async {
        while !Task.isCancelled {
            for _ in 0..<Self.maximumRounds where await round() {
                try? await Task.sleep(for: .milliseconds(200))
            }
            try? await Task.sleep(for: interval)
        }
    }

    /// Looks once.
    /// - Returns: whether something was written, or somebody else was faster: what follows can be done at once.
    func round() async -> Bool {
        found = [:]
        defer { tell() }
        let secret: CertificatePlan.Secret
        do {
            secret = try await self.secret()
        } catch {
            fail(.certificate, "Secret \(service.namespace)/\(secretName): \(error)")
            return false
        }
        let configurations = await self.configurations()
        var writes = false
        for action in plan.actions(at: clock(), secret: secret, configurations: configurations) {
            do {
                writes = try await perform(action) || writes
            } catch {
                switch action {
                case .trust: fail(.configurations, "\(error)")
                case .issue, .prune, .serve: fail(.certificate, "\(error)")
                }
            }
        }
        if served.isThere { status.set(.certificate, nil) }
        if plan.isTrusted(by: configurations) { status.set(.configurations, nil) }
        return writes
    }

    // MARK: Looking

    private func secret() async throws -> CertificatePlan.Secret {
        do {
            let object = try await client.get(
                CertificateSecret.resource, namespace: service.namespace, name: secretName)
            let (secret, problem) = CertificateSecret.read(object, service: service)
            if let problem { fail(.certificate, "Secret \(service.namespace)/\(secretName): \(problem)") }
            return secret
        } catch let error as APIError where error.isNotFound {
            return .absent
        }
    }

    /// The configurations that there are and that can be read.
    private func configurations() async -> [CertificatePlan.Configuration] {
        var result: [CertificatePlan.Configuration] = []
        for kind in WebhookConfigurationKind.allCases {
            do {
                let object = try await client.get(kind.resource, name: configurationName)
                result.append(.init(kind, object, service: service))
            } catch let error as APIError where error.isNotFound {
                continue
            } catch {
                fail(.configurations, "\(kind.resource.kind) \(configurationName): \(error)")
            }
        }
        if found[.configurations] == nil, result.allSatisfy({ $0.bundles.isEmpty }) {
            fail(.configurations, "no webhook configuration \(configurationName) calls \(service)")
        }
        return result
    }

    // MARK: Doing

    /// - Returns: whether the state that was read is an old one now.
    private func perform(_ action: CertificatePlan.Action) async throws -> Bool {
        switch action {
        case .issue(let version, let authorities):
            let made = try CertificateAuthority.issue(for: service, at: clock(), beside: authorities)
            guard try await write(made, version) else { return true }
            plan.wroteCertificate(at: clock())
            logger.notice("made a certificate", metadata: ["service": "\(service)", "end": "\(made.end)"])
            return true
        case .prune(let version, let held):
            _ = try await write(held, version)
            return true
        case .trust(let kind, let bundle):
            logger.info("writing the certificate's authority", metadata: ["into": "\(kind.resource.kind)"])
            try await client.modify(kind.resource, name: configurationName) { [service] object in
                CertificatePlan.Configuration.patch(object, service: service, bundle: bundle)
            }
            return true
        case .serve(let held):
            try served.serve(chain: Array(held.certificate.utf8), key: Array(held.key.utf8))
            logger.info("serving a certificate", metadata: ["end": "\(held.end)"])
            return false
        }
    }

    /// - Returns: `false` when somebody else was faster.
    private func write(_ held: HeldCertificate, _ version: String?) async throws -> Bool {
        do {
            if let version {
                try await client.mergePatch(
                    CertificateSecret.resource, namespace: service.namespace, name: secretName,
                    CertificateSecret.patch(held, version: version))
            } else {
                try await client.create(
                    CertificateSecret.resource, namespace: service.namespace,
                    CertificateSecret.object(held, name: secretName))
            }
            return true
        } catch let error as APIError where error.isConflict || error.isNotFound {
            return false
        }
    }

    // MARK: Telling

    private func fail(_ part: WebhookStatus.Part, _ reason: String) { found[part] = reason }

    /// What is wrong is told once, and makes nobody unready who was ready: the API server may be away for a while.
    private func tell() {
        for (part, reason) in found {
            if told[part] != reason, !Task.isCancelled {
                logger.warning("\(part.rawValue): trying again", metadata: ["reason": "\(reason)"])
            }
            status.explain(part, reason)
        }
        told = found
    }
}
