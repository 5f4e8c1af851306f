import FoundationEssentials
import Logging

/// A certificate and its key in PEM files that somebody else renews, such as cert-manager.
struct CertificateFiles: Sendable {
    var certificate: String
    var key: String

    /// A mounted Secret changes within a minute or two of the Secret itself; this is a small part of that.
    private static let interval: Duration = .seconds(5)

    /// Reads the files, so that a mistake in them is told at the start.
    /// - Throws: ``ServedCertificate/Unusable`` that names the file.
    func load(into served: ServedCertificate) throws(ServedCertificate.Unusable) {
        try load(contents(), into: served)
    }

    /// Serves what the files contain, whenever that has changed, until it is cancelled.
    func follow(into served: ServedCertificate, _ status: WebhookStatus, logger: Logger) async {
        var last: [Data?] = []
        while !Task.isCancelled {
            let contents = contents()
            if contents != last {
                do throws(ServedCertificate.Unusable) {
                    try load(contents, into: served)
                    status.set(.certificate, nil)
                    logger.info("serving the certificate of \(certificate)")
                } catch {
                    // Half-written files: what was read before is served until they are whole.
                    logger.warning("the certificate cannot be read", metadata: ["reason": "\(error)"])
                }
                last = contents
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Links and dates tell little of a mounted Secret: what is in the files does.
    private func contents() -> [Data?] { [certificate, key].map { FileManager.default.contents(atPath: $0) } }

    private func load(_ contents: [Data?], into served: ServedCertificate) throws(ServedCertificate.Unusable) {
        for (path, content) in zip([certificate, key], contents) where content == nil {
            throw ServedCertificate.Unusable(description: "TLS file \(path): cannot be read")
        }
        do throws(ServedCertificate.Unusable) {
            try served.serve(chain: Array(contents[0] ?? Data()), key: Array(contents[1] ?? Data()))
        } catch {
            throw ServedCertificate.Unusable(description: "TLS files \(certificate) and \(key): \(error)")
        }
    }
}
