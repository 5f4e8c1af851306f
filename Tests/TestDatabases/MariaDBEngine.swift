import Foundation

/// MariaDB. Its socket is in the server's folder.
struct MariaDBEngine: Engine {
    var name: String { "MariaDB" }
    var firstDatabase: String { "mysql" }
    var stopSignal: Int32 { SIGTERM }
    /// It has nothing outside of its folder.
    var endingSignal: String { "KILL" }

    var isMissing: String? {
        Installed.mariaDB == nil
            ? "MariaDB is not installed (mariadb-server-core, mariadb-client-core)" : ServerUser.isMissing
    }

    func installation(of data: String, temporary: String) throws -> [String] {
        [
            try installed.installer, "--no-defaults", "--datadir=\(data)", "--tmpdir=\(temporary)",
            "--auth-root-authentication-method=normal", "--skip-test-db", Self.logSize,
        ]
    }

    func configure(_ place: ServerPlace) throws {}

    func command(_ place: ServerPlace) throws -> [String] {
        let options = place.options
        var command = [
            try installed.mariadbd, "--no-defaults", "--datadir=\(place.data)", "--tmpdir=\(place.path)",
            "--socket=\(socket(place))", "--pid-file=\(place.path)/pid", "--port=\(place.port)",
            "--bind-address=127.0.0.1", "--skip-name-resolve", "--character-set-server=utf8mb4",
            "--max-connections=\(options.maxConnections)", "--read-only=\(options.isReadOnly ? 1 : 0)",
            "--innodb-buffer-pool-size=64M", Self.logSize,
        ]
        // What was committed is then with the kernel, which outlives SIGKILL of the server.
        if !place.syncs { command += ["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"] }
        if options.logsStatements {
            command += ["--general-log=1", "--log-output=FILE", "--general-log-file=\(statementFile(place))"]
        }
        if let certificates = place.certificates {
            command += ["--ssl-cert=\(certificates.certificate)", "--ssl-key=\(certificates.key)"]
            if options.tls == .required { command.append("--require-secure-transport=1") }
        } else {
            command.append("--skip-ssl")
        }
        return command + options.settings.map { "--" + $0 }
    }

    func isReady(_ place: ServerPlace, processID: pid_t) -> Bool {
        // The log is emptied before each start.
        (try? String(contentsOfFile: place.log, encoding: .utf8))?.contains(": ready for connections") == true
    }

    func client(_ place: ServerPlace, user: String?) throws -> Client {
        .mariadb(
            try installed.client, ["--socket=\(socket(place))", "--user=\(user ?? "root")"],
            password: user == nil ? nil : place.options.password, folder: place.folder)
    }

    func firstStatements(_ options: TestServerOptions) -> String {
        let user = "\(TestServer.user)@'%'"
        var identified = ""
        if let password = options.password {
            let plugin = options.authentication ?? "mysql_native_password"
            identified = " IDENTIFIED VIA \(plugin) USING PASSWORD(\(sqlText(password)))"
        }
        // The nameless users of localhost would come before ours. Ours is none of those whom limits do not concern.
        return """
            DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES;
            CREATE USER \(user)\(identified); GRANT ALL ON *.* TO \(user);
            REVOKE SUPER, READ_ONLY ADMIN, CONNECTION ADMIN ON *.* FROM \(user);
            """
    }

    func url(_ place: ServerPlace, database: String) -> String { place.url("mysql", database: database) }

    func readOnly(_ isReadOnly: Bool) -> String { "SET GLOBAL read_only = \(isReadOnly ? 1 : 0)" }

    func create(_ database: String, characterSet: String?, collation: String?, owner: String?) -> String {
        var sql = "CREATE DATABASE \(database)"
        if let characterSet { sql += " CHARACTER SET \(characterSet)" }
        if let collation { sql += " COLLATE \(collation)" }
        return sql
    }

    func drop(_ database: String) -> String { "DROP DATABASE IF EXISTS \(database)" }

    func statementFile(_ place: ServerPlace) -> String { place.path + "/statements" }

    func statements(in log: String) -> [TestServer.Statement] {
        var found: [TestServer.Statement] = []
        var databases: [Int: String] = [:]
        // That of the last entry, whose text can have more lines.
        var request: TestServer.Request?
        for line in log.split(separator: "\n", omittingEmptySubsequences: false) {
            // The time when it has changed, two tabs otherwise; the connection and the command; a tab; the text.
            guard let match = line.wholeMatch(of: /(?:\d{6} +[\d:]+)?\t+ *(\d+) ([A-Z][A-Za-z ]+?)\t(.*)/),
                let connection = Int(match.1)
            else {
                if request != nil, let last = found.indices.last { found[last].text += "\n" + line }
                continue
            }
            request = nil
            switch match.2 {
            case "Connect":
                databases[connection] = match.3.firstMatch(of: /\ on (\S+) using\ /).map { String($0.1) }
            case "Init DB":
                databases[connection] = String(match.3)
            case "Query": request = .query
            case "Prepare": request = .prepare
            case "Execute": request = .execute
            default: break
            }
            if let request {
                found.append(
                    .init(
                        connection: connection, database: databases[connection] ?? "", request: request,
                        text: String(match.3)))
            }
        }
        // A last line feed ends the last line.
        if request != nil, let last = found.indices.last, found[last].text.hasSuffix("\n") {
            found[last].text.removeLast()
        }
        return found
    }

    private func socket(_ place: ServerPlace) -> String { place.path + "/mysql.sock" }

    /// A smaller one than usual, since it lies in memory.
    private static let logSize = "--innodb-log-file-size=32M"

    private var installed: Installed.MariaDB {
        get throws {
            guard let installed = Installed.mariaDB else { throw TestDatabaseError(isMissing ?? "") }
            return installed
        }
    }
}
