import Foundation

/// PostgreSQL. Its socket is in the server's folder.
struct PostgreSQLEngine: Engine {
    var name: String { "PostgreSQL" }
    var firstDatabase: String { "postgres" }
    /// Clients are sent away, and nothing need be recovered at the next start.
    var stopSignal: Int32 { SIGINT }
    /// At once, but with its shared memory removed.
    var endingSignal: String { "QUIT" }

    var isMissing: String? {
        if Installed.postgreSQL == nil { return "PostgreSQL is not installed (postgresql)" }
        if getpwuid(geteuid()) == nil { return "PostgreSQL does not run as user \(geteuid()), who has no name" }
        return ServerUser.isMissing
    }

    func installation(of data: String, temporary: String) throws -> [String] {
        [
            try installed.initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
            "--no-sync", "--no-instructions",
        ]
    }

    func configure(_ place: ServerPlace) throws {
        let options = place.options
        let method = options.password == nil ? "trust" : options.authentication ?? "scram-sha-256"
        let host = options.tls == .required ? "hostssl" : "host"
        try """
        local all all trust
        \(host) all all 127.0.0.1/32 \(method)

        """.write(toFile: place.data + "/pg_hba.conf", atomically: false, encoding: .utf8)

        var settings = [
            "listen_addresses='127.0.0.1'", "port=\(place.port)", "unix_socket_directories='\(place.path)'",
            // The administrator's are reserved.
            "max_connections=\(options.maxConnections + 3)", "superuser_reserved_connections=3",
            // Files of other kinds would outlive SIGKILL.
            "dynamic_shared_memory_type=mmap",
            "max_wal_size=256MB", "log_line_prefix='\(Self.mark)%p \(Self.mark)%d\(Self.mark)'",
            "log_statement=\(options.logsStatements ? "all" : "none")", "log_parameter_max_length=0",
            "log_checkpoints=off", "default_transaction_read_only=\(options.isReadOnly)",
        ]
        if !place.syncs { settings += ["fsync=off", "full_page_writes=off"] }
        if let certificates = place.certificates {
            settings += [
                "ssl=on", "ssl_cert_file='\(certificates.certificate)'", "ssl_key_file='\(certificates.key)'",
            ]
        }
        settings += options.settings
        let file = place.data + "/postgresql.conf"
        try settings.map { $0 + "\n" }.joined().write(toFile: file, atomically: false, encoding: .utf8)
    }

    func command(_ place: ServerPlace) throws -> [String] { [try installed.postgres, "-D", place.data] }

    func isReady(_ place: ServerPlace, processID: pid_t) -> Bool {
        // PostgreSQL tells in the last line of this file; a killed one left its number in the first.
        guard let text = try? String(contentsOfFile: place.data + "/postmaster.pid", encoding: .utf8) else {
            return false
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count > 7 && lines[0] == "\(processID)" && lines[7].hasPrefix("ready")
    }

    func client(_ place: ServerPlace, user: String?) throws -> Client {
        .psql(
            try installed.psql, socketFolder: place.path, port: place.port, user: user ?? "postgres",
            folder: place.folder)
    }

    func firstStatements(_ options: TestServerOptions) -> String {
        guard let password = options.password else { return "CREATE ROLE \(TestServer.user) LOGIN CREATEDB;" }
        let encryption = options.authentication == "md5" ? "md5" : "scram-sha-256"
        return """
            SET password_encryption = '\(encryption)';
            CREATE ROLE \(TestServer.user) LOGIN CREATEDB PASSWORD \(sqlText(password));
            """
    }

    func url(_ place: ServerPlace, database: String) -> String { place.url("postgresql", database: database) }

    func readOnly(_ isReadOnly: Bool) -> String {
        "ALTER SYSTEM SET default_transaction_read_only = \(isReadOnly); SELECT pg_reload_conf();"
    }

    func create(_ database: String, characterSet: String?, collation: String?, owner: String?) -> String {
        // Nobody is connected to template0, which would make CREATE DATABASE fail.
        var sql = "CREATE DATABASE \(database) TEMPLATE template0"
        if let owner { sql += " OWNER \(owner)" }
        if let characterSet { sql += " ENCODING \(sqlText(characterSet))" }
        if let collation { sql += " LOCALE \(sqlText(collation))" }
        return sql
    }

    func drop(_ database: String) -> String { "DROP DATABASE IF EXISTS \(database) WITH (FORCE)" }

    func statementFile(_ place: ServerPlace) -> String { place.log }

    func statements(in log: String) -> [TestServer.Statement] {
        // Each entry: mark, process, blank, mark, database, mark, kind, two blanks, text. Lines that follow begin with a tab.
        let parts = log.split(separator: Self.mark, omittingEmptySubsequences: false).dropFirst()
        return stride(from: parts.startIndex, to: parts.endIndex - 2, by: 3).compactMap { index in
            let text = parts[index + 2].replacing("\n\t", with: "\n")
            guard let connection = Int(parts[index].dropLast()),
                let start = ["LOG:  statement: ", "LOG:  execute "].first(where: text.hasPrefix)
            else { return nil }
            var sql = text.dropFirst(start.count)
            if sql.last == "\n" { sql.removeLast() }
            guard start.hasSuffix("execute ") else {
                return .init(
                    connection: connection, database: String(parts[index + 1]), request: .query, text: String(sql))
            }
            // The name of the prepared statement, and the portal's, come before the colon.
            guard let colon = sql.firstRange(of: ": ") else { return nil }
            return .init(
                connection: connection, database: String(parts[index + 1]), request: .execute,
                text: String(sql[colon.upperBound...]))
        }
    }

    /// A character that a test's statements do not have.
    private static let mark = Character("\u{1}")

    private var installed: Installed.PostgreSQL {
        get throws {
            guard let installed = Installed.postgreSQL else { throw TestDatabaseError(isMissing ?? "") }
            return installed
        }
    }
}

/// A string of SQL, without backslashes.
func sqlText(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
