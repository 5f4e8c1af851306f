import Foundation
import Synchronization

/// A server that someone else runs, in which databases are created and dropped.
final class ForeignServer: Sendable {
    private let engine: any Engine
    private let client: Client
    private let firstDatabase: String
    private let url: @Sendable (_ database: String) -> String
    private let created = Mutex<Set<String>>([])
    private let prefix = "kfmd_test_\(getpid())_\(UInt32.random(in: 0..<1 << 24))"
    private let count = Atomic<Int>(0)

    convenience init(postgreSQL text: String) throws {
        let (parts, url) = try Self.parse(text)
        guard let psql = Installed.psql else { throw TestDatabaseError("psql is not installed (postgresql-client)") }
        self.init(
            PostgreSQLEngine(), .psql(psql, folder: try WatchedFolder.quick.get(), url: url), parts, "postgres", url)
    }

    convenience init(mySQL text: String) throws {
        let (parts, url) = try Self.parse(text)
        guard let mariadb = Installed.mariaDBClient else {
            throw TestDatabaseError("mariadb is not installed (mariadb-client-core)")
        }
        var options = ["--protocol=tcp"]
        // An address of IPv6 is in brackets.
        if let host = parts.host { options.append("--host=\(host.trimmingCharacters(in: ["[", "]"]))") }
        if let port = parts.port { options.append("--port=\(port)") }
        if let user = parts.user { options.append("--user=\(user)") }
        self.init(
            MariaDBEngine(),
            .mariadb(mariadb, options, password: parts.password, folder: try WatchedFolder.quick.get()), parts,
            "mysql", url)
    }

    private init(
        _ engine: any Engine, _ client: Client, _ parts: URLComponents, _ firstDatabase: String,
        _ url: @escaping @Sendable (String) -> String
    ) {
        self.engine = engine
        self.client = client
        self.firstDatabase = parts.path.count > 1 ? String(parts.path.dropFirst()) : firstDatabase
        self.url = url
        AtExit.add { [self] in
            for name in created.withLock({ $0 }) { try? drop(name) }
        }
    }

    func database(characterSet: String?, collation: String?) throws -> TestDatabase {
        let name = "\(prefix)_\(count.add(1, ordering: .relaxed).newValue)"
        let sql = engine.create(name, characterSet: characterSet, collation: collation, owner: nil)
        try client.run(sql, database: firstDatabase)
        created.withLock { _ = $0.insert(name) }
        return TestDatabase(url: url(name), name: name, client: client, server: nil) { [self] in try drop(name) }
    }

    private func drop(_ name: String) throws {
        try client.run(engine.drop(name), database: firstDatabase)
        created.withLock { _ = $0.remove(name) }
    }

    /// The URL's parts, and a function that puts a database into it.
    private static func parse(_ text: String) throws -> (URLComponents, @Sendable (String) -> String) {
        guard let parts = URLComponents(string: text), parts.host != nil else {
            throw TestDatabaseError("\(text) is not a URL such as postgresql://user@host:5432/postgres")
        }
        return (
            parts,
            { database in
                var parts = parts
                parts.path = "/" + database
                return parts.string ?? text
            }
        )
    }
}
