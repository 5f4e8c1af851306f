import FoundationEssentials
import JSON
import Kubernetes

/// The Secret that keeps the certificate (`kubernetes.io/tls` with `ca.crt` beside it, as cert-manager writes it).
enum CertificateSecret {
    static let resource = Resource(group: "", version: "v1", plural: "secrets", kind: "Secret")

    /// Reads a Secret.
    /// - Returns: what it holds, and what is wrong with it.
    static func read(
        _ object: KubernetesObject, service: ServiceName
    ) -> (secret: CertificatePlan.Secret, problem: String?) {
        func text(_ key: String) -> String {
            let data = object.raw["data"]?[key]?.string.flatMap { Data(base64Encoded: $0) }
            return data.map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
        do throws(CertificateAuthority.Unusable) {
            let held = try CertificateAuthority.read(
                certificate: text("tls.crt"), key: text("tls.key"), authorities: text("ca.crt"), for: service)
            return (.holds(version: object.resourceVersion, held), nil)
        } catch {
            let authorities = CertificateAuthority.authorities(in: text("ca.crt"))
            return (.unusable(version: object.resourceVersion, authorities: authorities), error.description)
        }
    }

    /// The object to make.
    static func object(_ held: HeldCertificate, name: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": ["name": .string(name)],
            "data": data(held),
        ]
    }

    /// The merge patch that is refused when somebody else was faster.
    static func patch(_ held: HeldCertificate, version: String) -> JSONValue {
        ["metadata": ["resourceVersion": .string(version)], "data": data(held)]
    }

    private static func data(_ held: HeldCertificate) -> JSONValue {
        func text(_ value: String) -> JSONValue { .string(Data(value.utf8).base64EncodedString()) }
        return ["tls.crt": text(held.certificate), "tls.key": text(held.key), "ca.crt": text(held.bundle)]
    }
}
