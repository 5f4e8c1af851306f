/// A database that a test has for itself.
public struct TestDatabase: Sendable {
    /// As the program takes it: postgresql://kfmd:password@127.0.0.1:20123/db_7, or mysql://...
    public let url: String
    /// The database's name on its server.
    public let name: String
    /// The server, if it is one of ours. It lives as long as the value: keep that while you use the URL.
    public let server: TestServer?
    private let client: Client
    private let dropping: @Sendable () throws -> Void

    init(
        url: String, name: String, client: Client, server: TestServer?, dropping: @escaping @Sendable () throws -> Void
    ) {
        self.url = url
        self.name = name
        self.client = client
        self.server = server
        self.dropping = dropping
    }

    /// Runs statements as the user of the URL, with the server's own client (20 ms), up to the first that fails.
    ///
    /// - Returns: the values of all rows of all statements, as text; those that are null are NULL.
    /// - Throws: ``TestDatabaseError`` with the server's message and its code (PostgreSQL: SQLSTATE; MariaDB: number).
    @discardableResult
    public func execute(_ sql: String) throws -> [[String]] { try client.run(sql, database: name) }

    /// Removes the database, which is otherwise there until the process ends (PostgreSQL: 8 MB). Connections to it are cut,
    /// except MariaDB's, which find it gone.
    public func drop() throws { try dropping() }
}
