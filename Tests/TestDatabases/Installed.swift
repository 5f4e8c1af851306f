import Foundation

/// The programs of the servers that this machine has.
enum Installed {
    /// PostgreSQL's programs, which lie together in a folder for each version.
    struct PostgreSQL: Sendable {
        var folder: String
        var initdb: String { folder + "/initdb" }
        var postgres: String { folder + "/postgres" }
        var psql: String { folder + "/psql" }
    }

    /// MariaDB's programs.
    struct MariaDB: Sendable {
        var mariadbd: String
        var installer: String
        var client: String
    }

    static let postgreSQL = postgreSQLFolders.map(PostgreSQL.init).first {
        isProgram($0.postgres) && isProgram($0.initdb) && isProgram($0.psql)
    }

    /// In /usr/bin is a script that looks for servers of the machine, and takes 50 ms for it.
    static let psql = postgreSQLFolders.map { $0 + "/psql" }.first(where: isProgram) ?? program("psql")

    static let mariaDB = program("mariadbd").flatMap { server in
        program("mariadb-install-db").flatMap { installer in
            mariaDBClient.map { MariaDB(mariadbd: server, installer: installer, client: $0) }
        }
    }

    static let mariaDBClient = program("mariadb") ?? program("mysql")

    /// The program's path. Developers have no sbin in PATH.
    static func program(_ name: String) -> String? {
        (path + ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"])
            .map { "\($0)/\(name)" }.first(where: isProgram)
    }

    private static var path: [String] {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
            .filter { $0.hasPrefix("/") }
    }

    /// Those of PATH, then Debian's, the newest version first.
    private static var postgreSQLFolders: [String] {
        let chosen = path.map { "\($0)/postgres" }.filter(isProgram)
            .map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent().path }
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        return chosen
            + versions.sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { "/usr/lib/postgresql/\($0)/bin" }
    }

    private static func isProgram(_ path: String) -> Bool { FileManager.default.isExecutableFile(atPath: path) }
}
