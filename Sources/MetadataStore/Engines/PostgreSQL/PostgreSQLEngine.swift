import PostgreSQL
import SQLite

extension ServerEngine {
    /// Opens a database of a PostgreSQL server, made when it does not exist.
    /// - Throws: ``StoreFileError``.
    static func postgreSQL(_ address: PostgreSQLAddress) throws -> ServerEngine {
        let name = address.description
        let connect: @Sendable () throws -> any ServerConnection = { try PostgreSQLConnection(address) }
        return try naming(name) {
            let session = ServerSession(dialect: .postgreSQL, open: connect)
            try connectFirst(session) {
                guard !address.skipsCreation else { return false }
                let maintenance = try PostgreSQLConnection(address.database("postgres"))
                defer { maintenance.close() }
                try maintenance.run([
                    SQLQuery("CREATE DATABASE \(quoted(address.database)) ENCODING 'UTF8' TEMPLATE template0")
                ])
                return true
            }
            let schema = ServerSchema(
                statements: PostgreSQLSchema.tables + PostgreSQLSchema.indexes, ownStatements: PostgreSQLSchema.own,
                currentSchema: "current_schema()",
                // Any number, the same in all that make tables of MLMD's.
                lock: ["BEGIN", "SELECT pg_advisory_xact_lock(1802922868)"], unlock: [], isTransactional: true,
                session: session, name: name)
            let found = try schema.prepare()
            return ServerEngine(
                name: name, dialect: .postgreSQL,
                shape: StoreShape(
                    columns: found.columns, numbersSteps: found.numbersSteps, countsBytes: false, takesNUL: false),
                hasMarks: found.hasMarks, connect: connect)
        }
    }

    private static func quoted(_ name: String) -> String {
        "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}

extension PostgreSQLConnection {
    fileprivate convenience init(_ address: PostgreSQLAddress) throws {
        try self.init(parameters: address.keywords.map { ($0.name, $0.value) }, expandsDatabase: false)
    }
}
