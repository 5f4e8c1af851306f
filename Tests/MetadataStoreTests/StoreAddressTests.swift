import Testing

@testable import MetadataStore

/// Addresses as people write them.
@Suite(.timeLimit(.minutes(2))) struct StoreAddressTests {
    /// What no message may hold: every password below has it.
    private static let secret = "s3cret"

    private func address(
        _ text: String, environment: [String: String] = [:], files: [String: String] = [:]
    ) throws -> StoreAddress {
        try StoreAddress(text, environment: { environment[$0] }) { path in
            guard let content = files[path] else { throw StoreAddressError("no such file") }
            return content
        }
    }

    private func postgreSQL(
        _ text: String, environment: [String: String] = [:], files: [String: String] = [:]
    ) throws -> PostgreSQLAddress {
        guard case .postgreSQL(let address) = try address(text, environment: environment, files: files) else {
            throw StoreAddressError("not PostgreSQL")
        }
        return address
    }

    private func mySQL(
        _ text: String, environment: [String: String] = [:], files: [String: String] = [:]
    ) throws -> MySQLStoreAddress {
        guard case .mySQL(let address) = try address(text, environment: environment, files: files) else {
            throw StoreAddressError("not MySQL")
        }
        return address
    }

    @Test(arguments: [
        ("metadata.db", "metadata.db"), ("/data/a b.db", "/data/a b.db"), ("./host=x", "./host=x"), ("a:b", "a:b"),
        ("C:\\a.db", "C:\\a.db"), ("dir/postgresql://x", "dir/postgresql://x"), ("what?.db", "what?.db"),
        ("file:a.db", "a.db"), ("file:/data/a.db", "/data/a.db"), ("file:///data/a%20b.db", "/data/a b.db"),
        ("file://localhost/data/a.db", "/data/a.db"), ("FILE:///a.db", "/a.db"), ("sqlite:///a.db", "a.db"),
        ("sqlite:////data/a%3F.db", "/data/a?.db"), ("mysqlish", "mysqlish"), ("mymysql:x", "mymysql:x"),
        ("./a:b@c.db", "./a:b@c.db"), ("/data/10:30@noon.db", "/data/10:30@noon.db"), ("me@home.db", "me@home.db"),
    ])
    func files(text: String, path: String) throws {
        #expect(try address(text) == .file(path))
    }

    /// What libpq is given; the order does not matter.
    @Test(arguments: [
        ("postgresql://", "host=localhost dbname=metadb"),
        ("postgres:///mlmd", "host=localhost dbname=mlmd"),
        ("POSTGRESQL://db", "host=db dbname=metadb"),
        ("postgresql://me@db:5433/mlmd", "host=db port=5433 user=me dbname=mlmd"),
        ("postgresql://me:@db/mlmd", "host=db user=me dbname=mlmd"),
        ("postgresql://db:/mlmd", "host=db dbname=mlmd"),
        ("postgresql://m%40e@db/m%2Fl%3F", "host=db user=m@e dbname=m/l?"),
        ("postgresql://[::1]:5433/mlmd", "host=::1 port=5433 dbname=mlmd"),
        ("postgresql://[fe80::1%25eth0]/mlmd", "host=fe80::1%eth0 dbname=mlmd"),
        ("postgresql://%2Frun%2Fpg/mlmd", "host=/run/pg dbname=mlmd"),
        ("postgresql:///mlmd?host=/run/pg&port=5433", "host=/run/pg port=5433 dbname=mlmd"),
        ("postgresql://me@db/x?application_name=a%40b", "host=db user=me dbname=x application_name=a@b"),
        ("postgresql:///?hostaddr=10.0.0.1&dbname=x", "hostaddr=10.0.0.1 dbname=x"),
        (
            "postgresql://a:1,b,[::2]:3/mlmd",
            "host=a,b,::2 port=1,,3 dbname=mlmd target_session_attrs=read-write"
        ),
        ("postgresql://a,b/x?target_session_attrs=any", "host=a,b dbname=x target_session_attrs=any"),
        ("postgresql://a,b/x?target-session-attrs=primary", "host=a,b dbname=x target_session_attrs=primary"),
        (
            "postgresql://db/x?sslmode=verify-full&sslrootcert=/ca.pem&connect-timeout=3&options=-ca%3D1",
            "host=db dbname=x sslmode=verify-full sslrootcert=/ca.pem connect_timeout=3 options=-ca=1"
        ),
        ("postgresql://db/x?ssl=true", "host=db dbname=x sslmode=require"),
        ("postgresql://db/x?sslmode=", "host=db dbname=x"),
        ("postgresql://db/x?application_name=a+b", "host=db dbname=x application_name=a+b"),
        ("postgresql:///x?service=prod", "service=prod dbname=x"),
        ("postgresql://db?dbname=x", "host=db dbname=x"),
    ])
    func postgreSQLParameters(text: String, parameters: String) throws {
        let address = try postgreSQL(text)
        let given = address.parameters.map { "\($0.0)=\($0.1)" }.sorted()
        let wanted: [String] = parameters.split(separator: " ").map { String($0) }.sorted()
        #expect(given == wanted)
        #expect(!address.skipsCreation)
    }

    @Test func postgreSQLEnvironment() throws {
        #expect(try postgreSQL("postgresql:///x", environment: ["PGHOST": "db"])["host"] == nil)
        #expect(try postgreSQL("postgresql:///x", environment: ["PGSERVICE": "s"])["host"] == nil)
        #expect(try postgreSQL("postgresql://db", environment: ["PGDATABASE": "mlmd"]).database == "mlmd")
        #expect(try postgreSQL("postgresql://db/x", environment: ["PGDATABASE": "mlmd"]).database == "x")
        let several = try postgreSQL("postgresql://a,b/x", environment: ["PGTARGETSESSIONATTRS": "any"])
        #expect(several["target_session_attrs"] == nil)
        let missing = #expect(throws: StoreAddressError.self) {
            try postgreSQL("postgresql://", environment: ["PGSERVICE": "s"])
        }
        #expect(missing?.description.hasPrefix("service: ") == true)
    }

    @Test func anotherDatabaseOfTheServer() throws {
        let address = try postgreSQL("postgresql://me:\(Self.secret)@db/mlmd?sslmode=require&skip-db-creation=true")
        let other = address.database("postgres")
        #expect(address.skipsCreation)
        #expect(other.database == "postgres" && address.database == "mlmd")
        #expect(other.keywords.filter { $0.name != "dbname" } == address.keywords.filter { $0.name != "dbname" })
        #expect(other.keywords.count { $0.name == "dbname" } == 1)
    }

    @Test(arguments: [
        ("mysql://", "mysql://root@localhost:3306/metadb"),
        ("mariadb:///mlmd", "mysql://root@localhost:3306/mlmd"),
        ("mysql://me:x@db:3307/mlmd", "mysql://me@db:3307/mlmd"),
        ("mysql://a:1,b,[::2]:3/x", "mysql://root@a:1,b:3306,[::2]:3/x"),
        ("mysql://m%3Ae@db/%C3%A4", "mysql://m%3Ae@db:3306/%C3%A4"),
        ("mysql:///x?socket=/run/m.sock", "mysql://root@/x?socket=/run/m.sock"),
        ("mysql://localhost/x?socket=%2Frun%2Fm.sock", "mysql://root@/x?socket=/run/m.sock"),
    ])
    func mySQLDescriptions(text: String, description: String) throws {
        #expect(try mySQL(text).description == description)
    }

    @Test(arguments: [
        ("", MySQLStoreAddress.TLS()),
        ("?ssl-mode=DISABLED", .init(mode: .disabled)),
        ("?ssl_mode=VERIFY_IDENTITY", .init(mode: .verifyIdentity)),
        ("?ssl-ca=/ca.pem", .init(mode: .verifyCA, authorities: "/ca.pem")),
        ("?ssl-capath=/ca&ssl-mode=required", .init(mode: .required, authorityFolder: "/ca")),
        ("?ssl-cert=/c&ssl-key=/k", .init(certificate: "/c", key: "/k")),
        ("?ssl-key=/both", .init(certificate: "/both", key: "/both")),
        ("?ssl-cipher=A:B&ssl-ca=", .init(ciphers: "A:B")),
    ])
    func mySQLTLS(parameters: String, tls: MySQLStoreAddress.TLS) throws {
        #expect(try mySQL("mysql://db/x" + parameters).tls == tls)
    }

    @Test func mySQLParameters() throws {
        let address = try mySQL("mysql://db/x?connect_timeout=5&skip_db_creation=yes")
        #expect(address.connectTimeout == 5)
        #expect(address.skipsCreation)
        #expect(try mySQL("mysql://db/x?skip-db-creation=0").skipsCreation == false)
    }

    /// A password as it stands in a URL, and as it is.
    @Test(arguments: [
        ("s3cret", "s3cret"), ("s3cret%40%3A%2F%3F%25", "s3cret@:/?%"), ("s3cret:a?b#c+d", "s3cret:a?b#c+d"),
        ("s3cret%20%C3%A4", "s3cret ä"),
    ])
    func passwords(encoded: String, password: String) throws {
        let first = try postgreSQL("postgresql://me:\(encoded)@db/x")
        #expect(first["password"] == password)
        #expect(try mySQL("mysql://me:\(encoded)@db/x").password == password)
        for scheme in ["postgresql", "mysql"] {
            let address = try address("\(scheme)://me:\(encoded)@db/x")
            let shown = "\(address) \(String(reflecting: address)) \(String(describing: Optional(address)))"
            #expect(!shown.contains(Self.secret) && shown.contains("me@db"))
        }
        #expect(first.keywords.allSatisfy { !"\($0)".contains(Self.secret) })
    }

    @Test func placesOfPasswords() throws {
        let environment = ["KFMD_STORE_PASSWORD": "ours", "MYSQL_PWD": "theirs"]
        let files = ["/run/p": "of a file\r\n", "/run/empty": ""]
        func both(_ rest: String, _ environment: [String: String] = [:]) throws -> [String?] {
            [
                try postgreSQL("postgresql://\(rest)", environment: environment, files: files)["password"],
                try mySQL("mysql://\(rest)", environment: environment, files: files).password,
            ]
        }
        #expect(try both("db") == [nil, nil])
        #expect(try both("me:url@db?password-file=/run/p", environment) == ["url", "url"])
        #expect(try both("me@db?password-file=/run/p", environment) == ["of a file", "of a file"])
        #expect(try both("me@db?password_file=/run/empty", environment) == [nil, ""])
        #expect(try both("db", environment) == ["ours", "ours"])
        #expect(try both("db", ["MYSQL_PWD": "theirs", "KFMD_STORE_PASSWORD": ""]) == [nil, "theirs"])
        #expect(try postgreSQL("postgresql://me:@db", environment: environment)["password"] == nil)
        #expect(try postgreSQL("postgresql://db/?password=p@/w", environment: environment)["password"] == "p@/w")
        #expect(try postgreSQL("postgresql://db?passfile=/p", environment: environment)["password"] == nil)
    }

    /// Texts that are refused, and a word of the reason.
    @Test(arguments: [
        ("postgresql://db?password=s3cret@/w", "? in the user"),
        ("", "empty"), ("a\0b", "NUL"), ("http://db/x", "http:// is no store's scheme"),
        ("mysql+pymysql://me:s3cret@db/x", "mysql+pymysql:// is no store's scheme"),
        ("postgresql://me:s3cret@d\nb/x", "line break"),
        (":memory:", ":memory:"), ("file::memory:", ":memory:"), ("sqlite:///:memory:", ":memory:"),
        ("sqlite://", "missing"), ("sqlite://a.db", "three slashes"), ("file:", "missing"),
        ("file://host/a.db", "three slashes"), ("file:a.db?mode=ro", "no parameters"), ("file:%zz", "hexadecimal"),
        ("jdbc:mysql://db/x?password=s3cret", "jdbc:"), ("mysql:me:s3cret@db", "two slashes"),
        ("postgres:/db", "two slashes"), ("me:s3cret@tcp(db:3306)/x", "Go"),
        ("host=db password=s3cret dbname=x", "host= begins"), ("password = s3cret host=db", "password= begins"),
        ("me:s3cret@db:3306/x", "needs postgresql://"), ("mysql//me:s3cret@db/x", "needs postgresql://"),
        ("/mysql://me:s3cret@db/x", "needs postgresql://"), (" mysql://me:s3cret@db/x", "a blank or quote"),
        ("'mysql://me:s3cret@db/x'", "a blank or quote"), ("\nsqlite:///a.db", "a blank or quote"),
        ("mysql://me:s3cret@db/x ", "ends with a blank"),
        ("mysql://me:1@2?s3cret=1@db/y", "@ among the parameters"),
        ("postgresql://db/x?host=mysql://me:s3cret@db", "host: should be a server's name"),
        ("mysql://me:s3cret@x@db/y", "host 1 has an @"), ("mysql://me:12/s3cret@db/x", "@ after the hosts"),
        ("postgresql://me:1/s3cret@x@db/y", "@ after the hosts"), ("mysql://me:s3cret/12@db/x", "port of host 1"),
        ("postgresql://me:s3cret%4/@db/x", "port of host 1"), ("postgresql://me:s3cret%@db/x", "the password: %"),
        ("postgresql://me:s3cret%FF@db/x", "the password is not UTF-8"),
        ("postgresql://me:s3cret%00@db/x", "the password has a NUL"),
        ("postgresql://db:0/x", "1 to 65535"), ("postgresql://db:65536/x", "1 to 65535"),
        ("mysql://a,b:s3cret/x", "port of host 2"), ("mysql://[::1/x", "brackets"), ("mysql://[]/x", "brackets"),
        ("mysql://[::1]3306/x", "follow the bracket"),
        ("postgresql://db/x?port=s3cret", "port: should be"), ("postgresql://db/x?s3cret", "NAME=VALUE"),
        ("postgresql://db/x?a=b=s3cret", "NAME=VALUE"), ("postgresql://me:1/2?3s3cret=@db", "parameter 1"),
        ("postgresql://db/x?dbname=postgresql://me:s3cret@db", "connection string"),
        ("postgresql:///?service=x", "service: name the database"),
        ("mysql://db/x?s3=1&sslmode=require", "known: "), ("mysql://db/x?ssl-mode=s3cret", "ssl-mode: should be"),
        ("mysql://db/x?connect-timeout=0", "connect-timeout: should be seconds"),
        ("mysql://db/x?socket=/run/m.sock", "socket: a host"), ("mysql://:1/x?socket=/run/m.sock", "socket: a host"),
        ("mysql://db/x?skip-db-creation=perhaps", "skip-db-creation: should be true or false"),
        ("mysql://db/x?password-file=", "password-file: should be a path"),
        ("mysql://db/x?password-file=/none", "password-file /none: no such file"),
        ("mysql://db/x?password-file=/nul", "password-file /nul: has a NUL"),
    ])
    func refused(text: String, reason: String) throws {
        let error = #expect(throws: StoreAddressError.self) {
            try address(text, files: ["/nul": "s3cret\0"])
        }
        let message = error?.description ?? ""
        #expect(message.contains(reason), "\(message)")
        #expect(!message.contains(Self.secret) && !message.contains { $0.isNewline }, "\(message)")
    }
}
