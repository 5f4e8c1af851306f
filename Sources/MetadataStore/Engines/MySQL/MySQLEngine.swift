import MySQL
import SQLite

extension ServerEngine {
    /// Opens a database of a MySQL or MariaDB server, made when it does not exist.
    /// - Throws: ``StoreFileError``.
    static func mySQL(_ address: MySQLStoreAddress) throws -> ServerEngine {
        let name = address.description
        return try naming(name) {
            let plain = MySQLAddress(address)
            let session = ServerSession(dialect: .mySQL) { try MySQLConnection.waiting(plain) }
            try connectFirst(session) {
                guard !address.skipsCreation else { return false }
                var server = plain
                server.database = nil
                let maintenance = try MySQLConnection(server)
                defer { maintenance.close() }
                try maintenance.run([
                    SQLQuery("CREATE DATABASE IF NOT EXISTS \(quoted(address.database)) CHARACTER SET utf8mb4")
                ])
                return true
            }
            let collation = try collation(session)
            let schema = MySQLSchema(collation: collation)
            let found = try ServerSchema(
                statements: schema.statements, ownStatements: schema.own, currentSchema: "DATABASE()",
                lock: ["SELECT GET_LOCK(CONCAT('kfmd.', LEFT(DATABASE(), 50)), 60)"],
                unlock: ["SELECT RELEASE_LOCK(CONCAT('kfmd.', LEFT(DATABASE(), 50)))"], isTransactional: false,
                session: session, name: name
            ).prepare()
            session.drop()
            var known = plain
            // The original speaks latin1, and sends UTF-8 all the same: its texts are read as they were written.
            if !found.isOurs { known.charset = .latin1 }
            let final = known
            return ServerEngine(
                name: name, dialect: .mySQL,
                shape: StoreShape(
                    columns: found.columns, numbersSteps: found.numbersSteps, countsBytes: !found.isOurs, takesNUL: true
                ),
                hasMarks: found.hasMarks, connect: { try MySQLConnection.waiting(final) })
        }
    }

    /// The one that tells all texts apart, those with blanks at the end too, under the server's own name for it.
    private static func collation(_ session: ServerSession) throws -> String {
        var names: [String] = []
        try session.run([
            SQLQuery(
                """
                SELECT collation_name FROM information_schema.collations
                WHERE collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')
                """)
        ]) { names.append($1.text(0)) }
        return names.first ?? "utf8mb4_bin"
    }

    private static func quoted(_ name: String) -> String {
        "`" + name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``") + "`"
    }
}

extension MySQLConnection {
    /// A connection whose statements wait for locks of others no longer than a request may.
    fileprivate static func waiting(_ address: MySQLAddress) throws -> MySQLConnection {
        let connection = try MySQLConnection(address)
        try connection.run([SQLQuery("SET SESSION innodb_lock_wait_timeout = 10")])
        return connection
    }
}

extension MySQLAddress {
    fileprivate init(_ address: MySQLStoreAddress) {
        self.init(
            hosts: address.hosts, socket: address.socket, user: address.user, password: address.password,
            database: address.database)
        tls = address.tls
        if let timeout = address.connectTimeout { connectTimeout = timeout }
    }
}
