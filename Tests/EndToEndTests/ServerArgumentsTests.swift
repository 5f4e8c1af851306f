import MetadataStore
import Testing

@testable import kfmd

/// The flags and the config file of ML Metadata's own server, as people have them.
@Suite(.timeLimit(.minutes(2))) struct ServerArgumentsTests {
    /// What no message may hold: every password below has it.
    private static let secret = "s3cret"

    /// What Kubeflow Pipelines' Deployment metadata-grpc-deployment says.
    private static let pipelines = [
        "--grpc_port=8080", "--mysql_config_database=$(MYSQL_DATABASE)", "--mysql_config_host=$(MYSQL_HOST)",
        "--mysql_config_port=$(MYSQL_PORT)", "--mysql_config_user=$(DBCONFIG_USER)",
        "--mysql_config_password=$(DBCONFIG_PASSWORD)", "--enable_database_upgrade=true",
        "--grpc_channel_arguments=grpc.max_metadata_size=16384,grpc.max_receive_message_length=104857600,"
            + "grpc.max_send_message_length=104857600",
    ]
    private static let pipelinesEnvironment = [
        "MYSQL_DATABASE": "metadb", "MYSQL_HOST": "mysql", "MYSQL_PORT": "3306", "DBCONFIG_USER": "root",
        "DBCONFIG_PASSWORD": "",
    ]
    /// What its overlay with a database of its own says.
    private static let pipelinesDatabase = [
        "--grpc_port=$(METADATA_GRPC_SERVICE_PORT)", "--mysql_config_host=$(MLMD_DB_HOST)",
        "--mysql_config_database=$(MYSQL_DATABASE)", "--mysql_config_port=$(MYSQL_PORT)",
        "--mysql_config_user=$(MYSQL_USER_NAME)", "--mysql_config_password=$(MYSQL_ROOT_PASSWORD)",
    ]
    private static let pipelinesDatabaseEnvironment = [
        "METADATA_GRPC_SERVICE_PORT": "8080", "MLMD_DB_HOST": "metadata-db", "MYSQL_DATABASE": "metadb",
        "MYSQL_PORT": "3306", "MYSQL_USER_NAME": "root", "MYSQL_ROOT_PASSWORD": "s3cret",
    ]
    /// What its overlay for PostgreSQL says.
    private static let pipelinesPostgreSQL = [
        "--grpc_port=$(METADATA_GRPC_SERVICE_PORT)", "--metadata_source_config_type=postgresql",
        "--postgres_config_host=$(MLMD_DB_HOST)", "--postgres_config_port=$(POSTGRES_PORT)",
        "--postgres_config_dbname=$(POSTGRES_DBNAME)", "--postgres_config_user=$(POSTGRES_USER)",
        "--postgres_config_password=$(POSTGRES_PASSWORD)", "--enable_database_upgrade=true",
    ]
    private static let pipelinesPostgreSQLEnvironment = [
        "METADATA_GRPC_SERVICE_PORT": "8080", "MLMD_DB_HOST": "metadata-postgres-db", "POSTGRES_PORT": "5432",
        "POSTGRES_DBNAME": "mlmdpostgres", "POSTGRES_USER": "user", "POSTGRES_PASSWORD": "s3cret",
    ]

    /// Arguments as Kubernetes hands them over: unknown names stay.
    private static func expanded(_ arguments: [String], _ environment: [String: String]) -> [String] {
        arguments.map { argument in
            environment.reduce(argument) { $0.replacing("$(\($1.key))", with: $1.value) }
        }
    }

    private func flags(
        _ arguments: [String], environment: [String: String] = [:], files: [String: String] = [:]
    ) throws -> ServerFlags {
        try ServerFlags(arguments, environment: { environment[$0] }) { path in
            guard let content = files[path] else { throw Failure.usage("no such file") }
            return content
        }
    }

    private func arguments(
        _ arguments: [String], environment: [String: String] = [:], files: [String: String] = [:]
    ) throws -> ServerArguments {
        let flags = try flags(arguments, environment: environment, files: files)
        return try ServerArguments(flags, environment: { environment[$0] }) { path in
            guard let content = files[path] else { throw Failure.usage("no such file") }
            return content
        }
    }

    /// Of a config file at `/c`.
    private func config(_ text: String, _ more: [String] = []) throws -> ServerArguments {
        try arguments(["--metadata_store_server_config_file=/c"] + more, files: ["/c": text])
    }

    private func mySQL(_ arguments: ServerArguments) throws -> MySQLStoreAddress {
        guard case .store(.mySQL(let address)) = arguments.place else { throw Failure.usage("not MySQL") }
        return address
    }

    private func postgreSQL(_ arguments: ServerArguments) throws -> PostgreSQLAddress {
        guard case .store(.postgreSQL(let address)) = arguments.place else { throw Failure.usage("not PostgreSQL") }
        return address
    }

    @Test func kubeflowPipelines() throws {
        let server = try arguments(Self.expanded(Self.pipelines, Self.pipelinesEnvironment))
        let address = try mySQL(server)
        #expect(address == MySQLStoreAddress(hosts: [.init(name: "mysql", port: 3306)]))
        #expect(address.password == nil)
        #expect(server.grpcPort == 8080 && server.upgrades && server.connectionRetries == 5 && server.tls == nil)
        #expect(server.limits.metadata == 16_384)
        #expect(server.limits.received == 104_857_600 && server.limits.sent == 104_857_600)
        #expect(server.notices.isEmpty)
    }

    @Test func kubeflowPipelinesWithADatabase() throws {
        let server = try arguments(Self.expanded(Self.pipelinesDatabase, Self.pipelinesDatabaseEnvironment))
        #expect(
            try mySQL(server) == MySQLStoreAddress(hosts: [.init(name: "metadata-db")], password: Self.secret))
        #expect(!server.upgrades && server.notices.isEmpty)
    }

    /// Its overlay with TLS has an init container that writes the config file.
    @Test func kubeflowPipelinesWithTLS() throws {
        let text = #"""
            connection_config {
              mysql {
                host: "mysql"
                port: 3306
                database: "metadb"
                user: "root"
                password: ""
              }
            }
            ssl_config {
              server_key: "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"
              server_cert: "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
              custom_ca: "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
              client_verify: false
            }
            """#
        let server = try config(
            text, ["--grpc_port=8080"] + Self.pipelines.filter { $0.hasPrefix("--e") || $0.hasPrefix("--grpc_c") })
        #expect(try mySQL(server) == MySQLStoreAddress(hosts: [.init(name: "mysql")]))
        #expect(server.tls?.privateKey == "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n")
        #expect(server.tls?.clientRoots == nil && server.limits.metadata == 16_384)
        // As in the original, the flag does not count beside a file.
        #expect(!server.upgrades)
        #expect(server.notices.count == 2 && server.notices.contains { $0.hasPrefix("--enable_database_upgrade: ") })
    }

    @Test func kubeflowPipelinesOnPostgreSQL() throws {
        let server = try arguments(
            Self.expanded(Self.pipelinesPostgreSQL, Self.pipelinesPostgreSQLEnvironment))
        let address = try postgreSQL(server)
        #expect(
            address.parameters.map { "\($0.0)=\($0.1)" }.sorted() == [
                "dbname=mlmdpostgres", "host=metadata-postgres-db", "password=s3cret", "port=5432", "user=user",
            ])
        #expect(server.upgrades && server.notices.isEmpty)
        #expect("\(address)" == "postgresql://user@metadata-postgres-db:5432/mlmdpostgres")
    }

    /// Whatever variable is missing, it is named.
    @Test(arguments: pipelinesEnvironment.keys.sorted() + pipelinesPostgreSQLEnvironment.keys.sorted())
    func variablesThatAreNot(name: String) throws {
        let isMySQL = Self.pipelinesEnvironment[name] != nil
        var environment = isMySQL ? Self.pipelinesEnvironment : Self.pipelinesPostgreSQLEnvironment
        environment[name] = nil
        let list = Self.expanded(isMySQL ? Self.pipelines : Self.pipelinesPostgreSQL, environment)
        let message = #expect(throws: Failure.self) { try arguments(list) }?.message ?? ""
        #expect(message.contains(name.hasSuffix("PASSWORD") ? "a $(NAME)" : "$(\(name))"), "\(message)")
        #expect(message.contains("Kubernetes"))
    }

    /// What gflags takes for the same.
    @Test(arguments: [
        ["--mysql_config_host=db", "--mysql_config_database=m", "--mysql_config_port=1", "--enable_database_upgrade"],
        [
            "-mysql_config_host", "db", "-mysql_config_database", "m", "-mysql_config_port", "1",
            "-enable_database_upgrade=T",
        ],
        [
            "--mysql-config-host=x", "--mysql-config-host=db", "--mysql_config_database=m", "--mysql_config_port=0x1",
            "--enable_database_upgrade", "true",
        ],
        ["--flagfile=/f", "--noenable_database_upgrade", "--enable_database_upgrade=yes"],
        [
            "--fromenv=mysql_config_host,mysql_config_database", "--tryfromenv=mysql_config_port,grpc_port",
            "--enable_database_upgrade=1",
        ],
        ["--undefok=new,newer", "--new=5", "--nonewer", "--flagfile", "/f", "--"],
        ["--undefok=new", "--new", "5", "--flagfile", "/f"],
    ])
    func spellings(list: [String]) throws {
        let server = try arguments(
            list,
            environment: [
                "FLAGS_mysql_config_host": "db", "FLAGS_mysql_config_database": "m", "FLAGS_mysql_config_port": "1",
            ],
            files: [
                "/f": "# comment\n\n--mysql_config_host=db\r\n  -mysql_config_port=1\n--flagfile=/g\n",
                "/g": "--mysql_config_database=m\n--enable_database_upgrade",
            ])
        #expect(try mySQL(server).description == "mysql://root@db:1/m")
        #expect(server.upgrades)
    }

    @Test func passwords() throws {
        let mine = ["--mysql_config_host=db", "--mysql_config_database=m"]
        let variables = ["KFMD_STORE_PASSWORD": "ours", "MYSQL_PWD": "theirs"]
        func mySQL(_ more: String..., environment: [String: String] = [:]) throws -> String? {
            try self.mySQL(arguments(mine + more, environment: environment)).password
        }
        #expect(try mySQL("--mysql_config_password=") == nil)
        #expect(try mySQL("--mysql_config_password=a $(b) =c", environment: variables) == "a $(b) =c")
        #expect(try mySQL("--mysql_config_password=", environment: variables) == "ours")
        #expect(try mySQL(environment: ["MYSQL_PWD": "theirs"]) == "theirs")
        let theirs = [
            "--metadata_source_config_type=postgresql", "--postgres_config_hostaddr=::1", "--postgres_config_port=1",
            "--postgres_config_user=u", "--postgres_config_dbname=m",
        ]
        #expect(try postgreSQL(arguments(theirs))["password"] == nil)
        #expect(try postgreSQL(arguments(theirs, environment: variables))["password"] == "ours")
        let withFile = try postgreSQL(arguments(theirs + ["--postgres_config_passfile=/p"], environment: variables))
        #expect(withFile["password"] == nil && withFile["passfile"] == "/p")
        // A blank at the end of a line is part of it.
        let flagFile = try arguments(mine + ["--flagfile=/f"], files: ["/f": "--mysql_config_password=x \r\n"])
        #expect(try self.mySQL(flagFile).password == "x ")
        // A Secret that was made with `echo`.
        let broken = try arguments(mine + ["--mysql_config_password=s3cret\n"])
        #expect(try self.mySQL(broken).password == "s3cret\n")
        #expect(broken.notices.count == 1 && !broken.notices.contains { $0.contains(Self.secret) })
    }

    /// Whatever is printed of them.
    @Test func descriptions() throws {
        let list = ["--mysql_config_host=db", "--mysql_config_database=m", "--mysql_config_password=s3cret"]
        let flags = try flags(list)
        #expect("\(flags)" == "--mysql_config_database --mysql_config_host --mysql_config_password")
        let server = try config(
            "connection_config { postgresql { host: 'h' port: '1' user: 'u' dbname: 'm' password: 's3cret' } } "
                + "ssl_config { server_cert: '-----BEGIN C' server_key: '-----BEGIN s3cret' }")
        for shown in ["\(flags)", "\(try arguments(list))", "\(server)", String(reflecting: server)] {
            #expect(!shown.contains(Self.secret), "\(shown)")
        }
    }

    /// Flags of a store that is not theirs are told.
    @Test(arguments: [
        ("config_file", ["mysql_config_host", "postgres_config_host"]), ("default", ["mysql_config_host"]),
        ("mysql", ["metadata_store_server_config_file"]), ("mysql", ["postgres_config_host"]),
        ("postgresql", ["mysql_config_user"]), ("postgresql", ["metadata_store_server_config_file"]),
    ])
    func withoutEffect(type: String, names: [String]) throws {
        let needed = [
            "mysql": ["--mysql_config_host=a", "--mysql_config_database=m"],
            "postgresql": ["host", "port", "user", "dbname"].map { "--postgres_config_\($0)=1" },
        ]
        let list =
            ["--metadata_source_config_type=\(type)"]
            + (needed[type] ?? ["--metadata_store_server_config_file=/c"]) + names.map { "--\($0)=1" }
        let text = "connection_config { sqlite { filename_uri: 'a' } }"
        let notices = try arguments(list, files: ["/c": text]).notices
        #expect(notices.map { $0.prefix { $0 != ":" } } == names.map { "--\($0)" })
    }

    @Test func everyFlagOfPostgreSQL() throws {
        let server = try arguments([
            "--metadata_source_config_type=postgresql", "--postgres_config_host=a,b", "--postgres_config_port=1,2",
            "--postgres_config_user=u", "--postgres_config_dbname=m", "--postgres_config_skip_db_creation",
            "--postgres_config_sslmode=verify-full", "--postgres_config_sslcert=/c", "--postgres_config_sslkey=/k",
            "--postgres_config_sslpassword=s3cret", "--postgres_config_sslrootcert=/r",
            "--metadata_store_server_config_file=/none", "--v=1", "--grpc_port=0x50",
            "--metadata_store_connection_retries=-1",
        ])
        let address = try postgreSQL(server)
        #expect(address.skipsCreation)
        #expect(
            address.parameters.map { "\($0.0)=\($0.1)" }.sorted() == [
                "dbname=m", "host=a,b", "port=1,2", "sslcert=/c", "sslkey=/k", "sslmode=verify-full",
                "sslpassword=s3cret", "sslrootcert=/r", "target_session_attrs=read-write", "user=u",
            ])
        #expect(server.grpcPort == 80 && server.connectionRetries == 0 && !server.upgrades)
        #expect(
            server.notices == [
                "--metadata_store_server_config_file: has no effect: not read for PostgreSQL by flags",
                "--v: has no effect here",
            ])
    }

    @Test func withoutAStore() throws {
        let server = try arguments([])
        #expect(server.place == .temporary && server.grpcPort == 8080)
        #expect(server.notices == ["no store is given: it is a temporary one, and ends with the server"])
        #expect(server.limits.received == nil && server.limits.sent == nil && server.limits.metadata == nil)
    }

    @Test func limits() throws {
        let any = try ServerLimits("grpc.max_receive_message_length=-1,,grpc.max_send_message_length=-1, a=b,a=c")
        #expect(any.received == ServerLimits.unlimited && any.sent == nil && any.ignored == ["a"])
        #expect(try ServerLimits("grpc.max_receive_message_length=2147483647").received == ServerLimits.unlimited)
    }

    /// The config file goes before the flags of MySQL, and has its own options of migrations.
    @Test func configFileOfMySQL() throws {
        let text = #"""
            # A comment.
            connection_config {
              mysql: <
                host: 'db' port: 0; database: "m"  user: "u", password: "s3cret\"\x41\102" "\n"
                ssl_options { ca: "/ca" cert: "/c" verify_server_cert: true }
                skip_db_creation: true
              >
              retry_options { max_num_retries: 3 }
            }
            migration_options { enable_upgrade_migration: true downgrade_to_schema_version: -1 }
            """#
        let server = try config(text, ["--mysql_config_host=other", "--enable_database_upgrade=false"])
        #expect(
            try mySQL(server)
                == MySQLStoreAddress(
                    hosts: [.init(name: "db")], user: "u", password: "s3cret\"AB\n", database: "m",
                    tls: .init(mode: .verifyIdentity, authorities: "/ca", certificate: "/c", key: "/c"),
                    skipsCreation: true))
        #expect(server.upgrades)
        #expect(server.notices == ["--mysql_config_host: has no effect: the config file goes before it"])
        let socket = try config(
            #"connection_config { mysql { socket: "/s" database: "m" ssl_options { ca: "/ca" } } }"#,
            ["--metadata_source_config_type=config_file"])
        #expect(try mySQL(socket).socket == "/s" && mySQL(socket).hosts.isEmpty)
        #expect(try mySQL(socket).tls.mode == .required && !socket.upgrades)
        #expect(socket.notices.count == 1)
    }

    @Test func configFileOfPostgreSQL() throws {
        let server = try config(
            """
            connection_config { postgresql { hostaddr: "::1" port: "5432" user: "u" dbname: "m"
              ssloption { sslmode: "require" sslpassword: "s3cret" } } }
            """)
        #expect(
            try postgreSQL(server).parameters.map { "\($0.0)=\($0.1)" }.sorted() == [
                "dbname=m", "hostaddr=::1", "port=5432", "sslmode=require", "sslpassword=s3cret", "user=u",
            ])
    }

    @Test(arguments: [
        ("sqlite { filename_uri: '/data/m.db' }", "/data/m.db", false),
        ("sqlite { filename_uri: 'file:///data/m%20.db' connection_mode: READWRITE_OPENCREATE }", "/data/m .db", false),
        ("sqlite { filename_uri: 'file:m.db' connection_mode: READWRITE }", "m.db", true),
        ("sqlite { filename_uri: 'm.db' connection_mode: UNKNOWN }", "m.db", false),
        ("sqlite { filename_uri: 'm.db' connection_mode: 0 }", "m.db", false),
        ("sqlite { connection_mode: 3 }", nil, false), ("sqlite { filename_uri: ':memory:' }", nil, false),
        ("sqlite {}", nil, false), ("fake_database {}", nil, false),
    ])
    func configFileOfSQLite(text: String, path: String?, mustExist: Bool) throws {
        let server = try config("connection_config { \(text) }")
        #expect(server.place == path.map { .store(.file($0)) } ?? .temporary)
        #expect(server.mustExist == mustExist)
        #expect(server.notices.count == (path == nil ? 1 : 0))
    }

    @Test func configFileOfTLS() throws {
        let rest = "connection_config { fake_database {} } ssl_config { server_key: '-----BEGIN K\\n' "
        let plain = try config(rest + "server_cert: '-----BEGIN C' custom_ca: '-----BEGIN R' }")
        #expect(plain.tls == .init(certificateChain: "-----BEGIN C", privateKey: "-----BEGIN K\n"))
        #expect(plain.notices.contains { $0.contains("custom_ca") })
        let mutual = try config(rest + "server_cert: '-----BEGIN C' custom_ca: '-----BEGIN R' client_verify: true }")
        #expect(mutual.tls?.clientRoots == "-----BEGIN R")
    }

    /// As the original: a file that cannot be read leaves the word to the flags of MySQL. But here never to no store.
    @Test func configFileThatIsNot() throws {
        let server = try arguments([
            "--metadata_store_server_config_file=/none", "--mysql_config_host=db", "--mysql_config_database=m",
        ])
        #expect(try mySQL(server).description == "mysql://root@db:3306/m")
        #expect(
            server.notices == [
                "--metadata_store_server_config_file /none: no such file; the flags of MySQL count"
            ])
    }

    /// Flags that are refused, and a word of the reason.
    @Test(arguments: [
        (["--grpc_port=0"], "--grpc_port=0: should be"), (["--grpc_port=65536"], "--grpc_port=65536"),
        (["--grpc_port=tcp://10.0.0.1:8080"], "--grpc_port=tcp"), (["--grpc_port"], "--grpc_port: its value"),
        (["--mysql_config_hots=db"], "did you mean --mysql_config_host?"),
        (["--mysql_config_hots", "db"], "did you mean --mysql_config_host?"),
        (["--grpc_port=s3cret"], "--grpc_port: should be"), (["--grpc_port=$(PORT)"], "--grpc_port=$(PORT): should be"),
        (["--mysql_config_port", "--mysql_config_password=s3cret"], "--mysql_config_port: its value is missing"),
        (["--metadata_store_server_config_file", "--mysql_config_password=s3cret"], "file: its value is missing"),
        (["--metadata_source_config_type=s3cret"], "default, config_file, mysql or postgresql"),
        (["--mysql_config_password:s3cret"], "--mysql_config_password: another character than ="),
        (["--flagfile=/two"], "/two, line 1: should be one flag"),
        (["--mysql_config_host=,", "--mysql_config_database=m"], "--mysql_config_host: should be a server's name"),
        (["--mysql_config_host=mysql://a:s3cret@db", "--mysql_config_database=m"], "--mysql_config_host: should be"),
        (["--mysql_config_host=a:s3cret@db", "--mysql_config_database=m"], "--mysql_config_host: should be"),
        (["--mysql_config_host=db\n", "--mysql_config_database=m"], "--mysql_config_host: has a line break"),
        (["--mysql_config_host=db", "--mysql_config_database=m", "--mysql_config_user=u\n"], "user: has a line break"),
        (["s3cret"], "argument 1 is no flag"), (["--", "s3cret"], "argument 2"),
        (["--enable_database_upgrade=s3cret"], "should be true or false"),
        (["--noenable_database_upgrade=true"], "takes no value"),
        (["--enable_database_upgrade", "no"], "write --enable_database_upgrade=no"),
        (["--fromenv=mysql_config_password"], "FLAGS_mysql_config_password is not set"),
        (["--flagfile=/none"], "--flagfile /none: no such file"),
        (["--flagfile=/f"], "--flagfile /f, line 2: should be a flag"),
        (["--flagfile=/loop"], "8 files within each other"),
        (["--mysql_config_host=db"], "--mysql_config_database: is missing"),
        (["--mysql_config_database=m", "--mysql_config_password=s3cret"], "--mysql_config_host: the server's name"),
        (["--mysql_config_port=3306"], "--mysql_config_host: the server's name"),
        (["--mysql_config_host=", "--mysql_config_password=s3cret"], "are missing or empty"),
        (["--mysql_config_host=db", "--mysql_config_database=m", "--mysql_config_port=65536"], "65536 is no port"),
        (["--mysql_config_host=db", "--mysql_config_database=m", "--mysql_config_port=-1"], "-1 is no port"),
        (["--metadata_source_config_type=mysql"], "--mysql_config_host: the server's name"),
        (["--metadata_source_config_type=config_file"], "--metadata_store_server_config_file: is missing"),
        (["--metadata_source_config_type=sqlite"], "default, config_file, mysql or postgresql"),
        (["--postgres_config_password=s3cret"], "needs --metadata_source_config_type=postgresql"),
        (["--metadata_store_server_config_file=/none"], "/none: no such file"),
        (["--downgrade_db_schema_version=9"], "--downgrade_db_schema_version=9: kfmd takes no store back"),
        (["--grpc_channel_arguments=grpc.max_metadata_size"], "should be NAME=VALUE"),
        (["--grpc_channel_arguments=grpc.max_receive_message_length=50*1024"], "number of bytes"),
        (["--grpc_channel_arguments=grpc.max_metadata_size=-1"], "above 0"),
        (["--grpc_channel_arguments=$(ARGUMENTS)"], "Kubernetes left $(ARGUMENTS)"),
    ])
    func refused(list: [String], reason: String) throws {
        let message =
            #expect(throws: Failure.self) {
                try arguments(
                    list,
                    files: [
                        "/f": "--v=1\ns3cret", "/loop": "--flagfile=/loop",
                        "/two": "--metadata_store_server_config_file=/c --mysql_config_password=s3cret",
                    ])
            }?.message ?? ""
        #expect(message.contains(reason), "\(message)")
        #expect(!message.contains(Self.secret) && !message.contains { $0.isNewline }, "\(message)")
    }

    /// What PostgreSQL cannot do without, as in the original.
    @Test(arguments: ["host", "port", "user", "dbname"])
    func refusedOfPostgreSQL(name: String) throws {
        let all = ["host", "port", "user", "dbname"].filter { $0 != name }.map { "--postgres_config_\($0)=1" }
        let list = ["--metadata_source_config_type=postgresql", "--postgres_config_password=s3cret"] + all
        let message = #expect(throws: Failure.self) { try arguments(list) }?.message ?? ""
        #expect(message.contains("--postgres_config_\(name): ") && message.contains("missing"), "\(message)")
        let both = list + ["--postgres_config_\(name)=1", "--postgres_config_hostaddr=::1"]
        #expect(throws: Failure.self) { try arguments(both) }
        let string = list + ["--postgres_config_\(name)=1", "--postgres_config_dbname=password=s3cret"]
        let other = #expect(throws: Failure.self) { try arguments(string) }?.message ?? ""
        #expect(other.contains("not a connection string") && !other.contains(Self.secret))
    }

    /// Config files that are refused, and a word of the reason.
    @Test(arguments: [
        ("", "connection_config: is missing"), ("connection_config {}", "should have one of mysql"),
        ("connection_config {", "} is missing at the end"),
        ("connection_config { mysql { host: 'db' } }", "mysql.database: is missing"),
        ("connection_config { mysql { database: 'm' } }", "mysql.host: the server's name"),
        ("connection_config { mysql { host: 'db' socket: '/s' database: 'm' } }", "mysql.socket: a host"),
        ("connection_config { mysql { host: 'db' port: '3306' } }", "line 1, column 46: connection_config.mysql.port"),
        ("connection_config { mysql { host: 'db' port: 99999 database: 'm' } }", "99999 is no port"),
        ("connection_config {\n mysql { host: 'db' password: 'x's3cret' } }", "line 2, column 34"),
        ("connection_config { mysql { password: 's3cret\n' } }", "no closing '"),
        ("connection_config { mysql { password: s3cret } }", "should be a text in quotes"),
        ("connection_config { mysql { password: 's3cret\\q' } }", "no such escape"),
        ("connection_config { mysql { password: 's3cret\\0' } }", "NUL"),
        ("connection_config { mysql { password: 's3cret\\xff' } }", "not UTF-8"),
        ("connection_config { mysql { host: 'a' host: 'b' } }", "host: is set twice"),
        ("connection_config { mysql {} fake_database {} }", "cannot be set beside mysql"),
        ("connection_config { fake_database { s3cret: 1 } }", "should be empty"),
        ("connection_config { postgresql { host: 'db' port: '1' user: 'u' } }", "postgresql.dbname: is missing"),
        ("connection_config { sqlite { connection_mode: READONLY } }", "READONLY is not possible"),
        ("connection_config { sqlite { connection_mode: 4 } }", "should be one of READONLY"),
        ("connection_config { mysql { host: 'mysql://me:s3cret@db' database: 'm' } }", "mysql.host: should be"),
        ("connection_config { mysql { host: 'db' database: 'm\\n' } }", "mysql.database: has a line break"),
        ("connection_config { sqlite { connection_mode: APPEND } }", "should be one of READONLY"),
        ("connection_config { sqlite { filename_uri: 'file:a?mode=ro' } }", "filename_uri: file: takes no parameters"),
        (
            "connection_config { fake_database {} } migration_options { downgrade_to_schema_version: 0 }",
            "migration_options.downgrade_to_schema_version=0: kfmd takes"
        ),
        ("connection_config { fake_database {} } ssl_config {}", "ssl_config.server_cert: should be the text"),
        (
            "connection_config { fake_database {} } ssl_config { server_cert: '-----BEGIN C' server_key: 's3cret' }",
            "ssl_config.server_key: should be the text"
        ),
        (
            "connection_config { fake_database {} } ssl_config { server_cert: '-----BEGIN C' "
                + "server_key: '-----BEGIN s3cret' client_verify: true }", "ssl_config.custom_ca: should be the text"
        ),
    ])
    func refusedConfig(text: String, reason: String) throws {
        let message = #expect(throws: Failure.self) { try config(text) }?.message ?? ""
        #expect(message.contains(reason), "\(message)")
        #expect(message.hasPrefix("/c, "), "\(message)")
        #expect(!message.contains(Self.secret) && !message.contains { $0.isNewline }, "\(message)")
    }

    @Test func requests() throws {
        #expect(try flags(["--help"]).request == .help)
        #expect(try flags(["--helpfull", "--version"]).request == .help)
        #expect(try flags(["--version"]).request == .version)
        #expect(try flags(["--nohelp"]).request == nil)
        #expect(ServerFlag.allCases.allSatisfy { ServerFlags.help.contains("--\($0.rawValue)\n") })
    }
}
