import Foundation
import Synchronization

/// A PostgreSQL and a MariaDB server for all tests of this process, started when the first test asks.
///
/// `KFMD_TEST_POSTGRESQL` and `KFMD_TEST_MYSQL` name servers to use instead, as URLs of users who may create databases;
/// those that were created are dropped when the process ends by itself. `KFMD_TEST_DATABASES=off` leaves all such tests
/// out, and with `KFMD_REQUIRE_DATABASES=1` they fail rather than being left out.
public enum TestDatabases {
    /// A new, empty database on PostgreSQL.
    public static func postgreSQL() throws -> TestDatabase { try postgreSQLSource.get().database(nil, nil) }

    /// A new, empty database on MariaDB, or what `KFMD_TEST_MYSQL` names.
    ///
    /// - Parameters:
    ///   - characterSet: nil is the server's, utf8mb4 on ours.
    ///   - collation: nil is the character set's.
    public static func mySQL(characterSet: String? = nil, collation: String? = nil) throws -> TestDatabase {
        try mySQLSource.get().database(characterSet, collation)
    }

    /// Why there is no PostgreSQL, for a test's message; nil where there is one, or has to be.
    public static var postgreSQLIsMissing: String? {
        Demand.reason(
            Demand.variable("KFMD_TEST_POSTGRESQL") == nil
                ? PostgreSQLEngine().isMissing
                : Installed.psql == nil ? "psql is not installed (postgresql-client)" : nil)
    }

    /// Why there is no MySQL or MariaDB, for a test's message; nil where there is one, or has to be.
    public static var mySQLIsMissing: String? {
        Demand.reason(
            Demand.variable("KFMD_TEST_MYSQL") == nil
                ? MariaDBEngine().isMissing
                : Installed.mariaDBClient == nil ? "mariadb is not installed (mariadb-client-core)" : nil)
    }

    /// A server whose start failed fails each test at once.
    private static let postgreSQLSource = Result {
        try source("KFMD_TEST_POSTGRESQL", PostgreSQLEngine()) {
            try ForeignServer(postgreSQL: $0)
        }
    }
    private static let mySQLSource = Result {
        try source("KFMD_TEST_MYSQL", MariaDBEngine()) {
            try ForeignServer(mySQL: $0)
        }
    }

    private struct Source: Sendable {
        var database: @Sendable (_ characterSet: String?, _ collation: String?) throws -> TestDatabase
    }

    private static func source(
        _ variable: String, _ engine: any Engine, foreign: (String) throws -> ForeignServer
    ) throws -> Source {
        if let reason = Demand.off { throw TestDatabaseError(reason) }
        if let url = Demand.variable(variable) {
            let server = try foreign(url)
            return Source { try server.database(characterSet: $0, collation: $1) }
        }
        let server = try TestServer(engine, TestServerOptions())
        return Source { try server.database(characterSet: $0, collation: $1) }
    }
}
