import Foundation

/// A certificate authority of a server's own, and what it signed, as files (PEM).
public struct TestCertificates: Sendable {
    /// The authority's certificate, which clients are to trust.
    public let authority: String
    /// The server's certificate.
    public let certificate: String
    let key: String

    /// Makes the files with openssl. They belong to the server's user, as PostgreSQL demands of its key.
    init(in place: String, names: [String], folder: WatchedFolder, user: ServerUser) throws {
        guard let openssl = Installed.program("openssl") else { throw TestDatabaseError("openssl is not installed") }
        authority = place + "/ca.pem"
        certificate = place + "/server.pem"
        key = place + "/server-key.pem"
        let names = names.map { Self.isAddress($0) ? "IP:\($0)" : "DNS:\($0)" }.joined(separator: ",")
        let script = """
            set -e; umask 077; place=$1 openssl=$2 names=$3
            new() { "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 7 "$@"; }
            new -keyout "$place/ca-key.pem" -out "$place/ca.pem" -subj "/CN=kfmd test authority" \\
              -addext keyUsage=critical,keyCertSign,cRLSign
            new -keyout "$place/server-key.pem" -out "$place/server.pem" -subj "/CN=kfmd test server" \\
              -CA "$place/ca.pem" -CAkey "$place/ca-key.pem" -addext basicConstraints=critical,CA:FALSE \\
              -addext extendedKeyUsage=serverAuth -addext "subjectAltName=$names"
            chmod 644 "$place/ca.pem" "$place/server.pem"
            """
        try folder.run(user.command(["/bin/sh", "-c", script, "sh", place, openssl, names]))
    }

    private static func isAddress(_ name: String) -> Bool {
        name.contains(":") || name.allSatisfy { $0.isNumber || $0 == "." }
    }
}
