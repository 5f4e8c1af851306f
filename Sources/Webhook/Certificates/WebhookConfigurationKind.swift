import FoundationEssentials
import JSON
import Kubernetes

/// The two kinds of objects that tell the API server of webhooks (`admissionregistration.k8s.io/v1`).
enum WebhookConfigurationKind: Sendable, Hashable, CaseIterable {
    case mutating, validating

    var resource: Resource {
        switch self {
        case .mutating:
            Resource(
                group: "admissionregistration.k8s.io", version: "v1", plural: "mutatingwebhookconfigurations",
                kind: "MutatingWebhookConfiguration")
        case .validating:
            Resource(
                group: "admissionregistration.k8s.io", version: "v1", plural: "validatingwebhookconfigurations",
                kind: "ValidatingWebhookConfiguration")
        }
    }
}

extension CertificatePlan.Configuration {
    /// Reads a configuration.
    init(_ kind: WebhookConfigurationKind, _ object: KubernetesObject, service: ServiceName) {
        self.kind = kind
        bundles = (object.raw["webhooks"]?.array ?? []).filter { Self.calls(service, $0) }.map { webhook in
            let data = webhook["clientConfig"]?["caBundle"]?.string.flatMap { Data(base64Encoded: $0) }
            return data.map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
    }

    /// A merge patch that gives a bundle to those webhooks that call a service. It has the whole list, as merge patches
    /// must: it is to be sent with the version that it was made from.
    /// - Returns: `nil` where all have it.
    static func patch(_ object: KubernetesObject, service: ServiceName, bundle: String) -> JSONValue? {
        let text = JSONValue.string(Data(bundle.utf8).base64EncodedString())
        var isChanged = false
        let webhooks = (object.raw["webhooks"]?.array ?? []).map { webhook -> JSONValue in
            guard calls(service, webhook), webhook["clientConfig"]?["caBundle"] != text else { return webhook }
            isChanged = true
            return webhook.merging(patch: ["clientConfig": ["caBundle": text]])
        }
        guard isChanged else { return Optional.none }
        return ["webhooks": .array(webhooks)]
    }

    private static func calls(_ service: ServiceName, _ webhook: JSONValue) -> Bool {
        let called = webhook["clientConfig"]?["service"]
        return called?["name"]?.string == service.name && called?["namespace"]?.string == service.namespace
    }
}
