import Foundation

/// The command line client of a server, which reads statements and writes rows.
struct Client: Sendable {
    var command: [String]
    var environment: [String: String?]
    /// What names the database: psql and mariadb take it as the last argument, psql a whole URL too.
    var database: @Sendable (_ name: String) -> String
    var folder: WatchedFolder
    /// What the client has written, as rows.
    var rows: @Sendable (_ output: String) -> [[String]]

    /// Runs statements, each for itself, up to the first that fails.
    @discardableResult
    func run(_ sql: String, database name: String) throws -> [[String]] {
        rows(try folder.run(command + [database(name)], environment: environment, input: sql))
    }

    /// psql, as a user of a server whose socket is in the folder.
    static func psql(
        _ psql: String, socketFolder: String, port: Int, user: String, folder: WatchedFolder
    ) -> Client {
        // Settings of the developer's own are for other servers.
        let foreign = ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("PG") }
        var environment: [String: String?] = .init(uniqueKeysWithValues: foreign.map { ($0, .none) })
        environment["PGHOST"] = socketFolder
        environment["PGPORT"] = String(port)
        environment["PGUSER"] = user
        // An administrator creates databases on a server that is read-only for others.
        if user != TestServer.user { environment["PGOPTIONS"] = "-c default_transaction_read_only=off" }
        return Self.psql(psql, environment: environment, folder: folder) { $0 }
    }

    /// psql, with a URL for each database.
    static func psql(
        _ psql: String, folder: WatchedFolder, url: @escaping @Sendable (_ database: String) -> String
    ) -> Client {
        Self.psql(psql, environment: [:], folder: folder, database: url)
    }

    private static func psql(
        _ psql: String, environment: [String: String?], folder: WatchedFolder,
        database: @escaping @Sendable (String) -> String
    ) -> Client {
        var environment = environment
        environment["PGCLIENTENCODING"] = "UTF8"
        return Client(
            command: [
                psql, "-X", "-q", "-t", "--csv", "-P", "null=NULL", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose",
                "-d",
            ], environment: environment, database: database, folder: folder, rows: ClientOutput.commaSeparated)
    }

    /// The mariadb client.
    static func mariadb(
        _ program: String, _ options: [String], password: String?, folder: WatchedFolder
    ) -> Client {
        Client(
            command: [program, "--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
                + options,
            environment: ["MYSQL_PWD": password, "MYSQL_HOST": nil, "MYSQL_TCP_PORT": nil, "MYSQL_UNIX_PORT": nil],
            database: { $0 }, folder: folder, rows: ClientOutput.tabSeparated)
    }
}
