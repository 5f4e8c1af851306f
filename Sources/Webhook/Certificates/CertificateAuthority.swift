import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// Makes certificates of a service, each with an authority of its own, and reads those that are kept.
enum CertificateAuthority {
    /// Why a certificate that is kept cannot be used.
    struct Unusable: Error, CustomStringConvertible {
        var description: String
    }

    /// A new authority and a certificate of it, both for P-256.
    /// - Parameter others: authorities that are to be trusted beside the new one.
    /// - Throws: an error of the X.509 library.
    static func issue(
        for service: ServiceName, at now: Date, beside others: [HeldCertificate.Authority]
    ) throws -> HeldCertificate {
        // Certificates tell whole seconds.
        let start = Date(
            timeIntervalSinceReferenceDate: (now.timeIntervalSinceReferenceDate - HeldCertificate.backdating)
                .rounded(.down))
        let end = start.addingTimeInterval(HeldCertificate.backdating + HeldCertificate.lifetime)
        let authorityKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let authorityName = try DistinguishedName { CommonName("Kubeflow Metadata webhook authority") }
        // Authorities of one name are told from each other by their keys.
        let identifier = SubjectKeyIdentifier(hash: authorityKey.publicKey)
        let authority = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: authorityKey.publicKey, notValidBefore: start,
            notValidAfter: end, issuer: authorityName, subject: authorityName,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true))
                identifier
            }, issuerPrivateKey: authorityKey)
        let key = P256.Signing.PrivateKey()
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: start,
            notValidAfter: end, issuer: authorityName,
            // A common name has 64 bytes at most, and nobody looks at it: the names are in the extension.
            subject: DistinguishedName { CommonName("Kubeflow Metadata webhook") },
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(service.names.map { .dnsName($0) })
                AuthorityKeyIdentifier(keyIdentifier: identifier.keyIdentifier)
            }, issuerPrivateKey: authorityKey)
        return HeldCertificate(
            certificate: try pem(certificate), key: key.pemRepresentation + "\n",
            authorities: [.init(pem: try pem(authority), end: end)] + others, start: start, end: end)
    }

    /// Reads what a Secret keeps.
    /// - Throws: ``Unusable`` where it is no certificate for the service, of its key and its first authority.
    static func read(
        certificate: String, key: String, authorities: String, for service: ServiceName
    ) throws(Unusable) -> HeldCertificate {
        let chain = try certificates(certificate, "tls.crt")
        guard let own = chain.first else { throw Unusable(description: "tls.crt: has no certificate") }
        let known = try certificates(authorities, "ca.crt")
        guard let issuer = known.first, issuer.publicKey.isValidSignature(own.signature, for: own) else {
            throw Unusable(description: "ca.crt: its first certificate has not signed tls.crt")
        }
        guard let privateKey = try? Certificate.PrivateKey(pemEncoded: key), privateKey.publicKey == own.publicKey
        else {
            throw Unusable(description: "tls.key: is not the key of tls.crt")
        }
        guard let names = try? own.extensions.subjectAlternativeNames,
            names.contains(.dnsName(service.description))
        else { throw Unusable(description: "tls.crt: is not for \(service)") }
        return HeldCertificate(
            certificate: certificate, key: key, authorities: try held(known), start: own.notValidBefore,
            end: min(own.notValidAfter, issuer.notValidAfter))
    }

    /// The authorities in a text, as far as it can be read: others may still be served by what they signed.
    static func authorities(in text: String) -> [HeldCertificate.Authority] {
        (try? held(certificates(text, "ca.crt"))) ?? []
    }

    private static func held(_ certificates: [Certificate]) throws(Unusable) -> [HeldCertificate.Authority] {
        do {
            return try certificates.map { .init(pem: try pem($0), end: $0.notValidAfter) }
        } catch {
            throw Unusable(description: "ca.crt: \(error)")
        }
    }

    private static func certificates(_ text: String, _ name: String) throws(Unusable) -> [Certificate] {
        do {
            return try PEMDocument.parseMultiple(pemString: text).map { try Certificate(pemDocument: $0) }
        } catch {
            throw Unusable(description: "\(name): is no PEM text of certificates: \(error)")
        }
    }

    private static func pem(_ certificate: Certificate) throws -> String {
        try certificate.serializeAsPEM().pemString + "\n"
    }
}
