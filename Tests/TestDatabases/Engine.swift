import Foundation

/// What differs between the servers.
protocol Engine: Sendable {
    var name: String { get }
    /// The database that is always there.
    var firstDatabase: String { get }
    /// The signal on which it ends in order, and the one of which the watchdog makes use.
    var stopSignal: Int32 { get }
    var endingSignal: String { get }

    /// Why it cannot run here, or nil.
    var isMissing: String? { get }
    /// The program that makes an empty data folder.
    func installation(of data: String, temporary: String) throws -> [String]
    /// Writes the files that the server reads.
    func configure(_ place: ServerPlace) throws
    func command(_ place: ServerPlace) throws -> [String]
    func isReady(_ place: ServerPlace, processID: pid_t) -> Bool
    func client(_ place: ServerPlace, user: String?) throws -> Client
    /// What a new server is told: our user, above all.
    func firstStatements(_ options: TestServerOptions) -> String
    func url(_ place: ServerPlace, database: String) -> String
    func readOnly(_ isReadOnly: Bool) -> String
    func create(_ database: String, characterSet: String?, collation: String?, owner: String?) -> String
    func drop(_ database: String) -> String
    /// The file that statements are logged to.
    func statementFile(_ place: ServerPlace) -> String
    func statements(in log: String) -> [TestServer.Statement]
}

/// Where a server is, and how it is meant to be.
struct ServerPlace: Sendable {
    let path: String
    let freePort: FreePort
    let options: TestServerOptions
    let certificates: TestCertificates?
    let folder: WatchedFolder

    var port: Int { freePort.number }
    var data: String { path + "/data" }
    var log: String { path + "/log" }
    /// Whether commits are to be on the disk. Nobody asked for that where memory had no room for the folder.
    var syncs: Bool { options.isOnDisk || folder.isInMemory }

    func url(_ scheme: String, database: String) -> String {
        let password = options.password?.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
        return "\(scheme)://\(TestServer.user)\(password.map { ":" + $0 } ?? "")@127.0.0.1:\(port)/\(database)"
    }
}
