/// A flag of ML Metadata's server, by its name there (ml_metadata/metadata_store/metadata_store_server_main.cc of
/// release 1.17).
enum ServerFlag: String, CaseIterable {
    case grpcPort = "grpc_port"
    case grpcChannelArguments = "grpc_channel_arguments"
    case sourceType = "metadata_source_config_type"
    case configFile = "metadata_store_server_config_file"
    case connectionRetries = "metadata_store_connection_retries"
    case mysqlHost = "mysql_config_host"
    case mysqlPort = "mysql_config_port"
    case mysqlDatabase = "mysql_config_database"
    case mysqlUser = "mysql_config_user"
    case mysqlPassword = "mysql_config_password"
    case postgresHost = "postgres_config_host"
    case postgresHostAddress = "postgres_config_hostaddr"
    case postgresPort = "postgres_config_port"
    case postgresUser = "postgres_config_user"
    case postgresPassword = "postgres_config_password"
    case postgresPassfile = "postgres_config_passfile"
    case postgresDatabase = "postgres_config_dbname"
    case postgresSkipsCreation = "postgres_config_skip_db_creation"
    case postgresSSLMode = "postgres_config_sslmode"
    case postgresSSLCertificate = "postgres_config_sslcert"
    case postgresSSLKey = "postgres_config_sslkey"
    case postgresSSLPassword = "postgres_config_sslpassword"
    case postgresSSLRootCertificate = "postgres_config_sslrootcert"
    case enableUpgrade = "enable_database_upgrade"
    case downgradeVersion = "downgrade_db_schema_version"

    /// What a flag's value is.
    enum Kind: Equatable {
        /// Any text.
        case text
        /// A whole number of so many bits.
        case integer(bits: Int)
        /// A yes or no.
        case boolean
    }

    /// What its value is.
    var kind: Kind {
        switch self {
        case .grpcPort, .connectionRetries, .mysqlPort: .integer(bits: 32)
        case .downgradeVersion: .integer(bits: 64)
        case .postgresSkipsCreation, .enableUpgrade: .boolean
        default: .text
        }
    }

    /// The value where none is given.
    var usual: String {
        switch self {
        case .grpcPort: "8080"
        case .sourceType: "default"
        case .connectionRetries: "5"
        case .mysqlPort: "0"
        case .downgradeVersion: "-1"
        case .postgresSkipsCreation, .enableUpgrade: "false"
        default: ""
        }
    }

    /// Whether its value may be shown.
    var isSecret: Bool { [.mysqlPassword, .postgresPassword, .postgresSSLPassword].contains(self) }

    /// One line for `--help`.
    var help: String {
        switch self {
        case .grpcPort: "the port that gRPC listens on"
        case .grpcChannelArguments: "limits, as in grpc.max_receive_message_length=104857600, with commas between"
        case .sourceType: "what says where the store is: default, config_file, mysql or postgresql"
        case .configFile: "a MetadataStoreServerConfig as text; goes before the flags of MySQL"
        case .connectionRetries: "how often an aborted connection is tried again at the start"
        case .mysqlHost: "the server; needs mysql_config_database too"
        case .mysqlPort: "its port; 3306 where it is 0"
        case .mysqlDatabase: "the database"
        case .mysqlUser: "who connects; root where it is empty"
        case .mysqlPassword: "the password; KFMD_STORE_PASSWORD or MYSQL_PWD where it is empty"
        case .postgresHost: "the server's name, or the folder of its socket"
        case .postgresHostAddress: "its address, instead of the name"
        case .postgresPort: "its port"
        case .postgresUser: "who connects"
        case .postgresPassword: "the password; KFMD_STORE_PASSWORD where it is empty, or as libpq finds it"
        case .postgresPassfile: "a file of passwords in libpq's form"
        case .postgresDatabase: "the database"
        case .postgresSkipsCreation: "whether the database is left to others to create"
        case .postgresSSLMode: "libpq's sslmode: disable, allow, prefer, require, verify-ca or verify-full"
        case .postgresSSLCertificate: "the file of the client's certificate"
        case .postgresSSLKey: "the file of its private key"
        case .postgresSSLPassword: "the password of that key"
        case .postgresSSLRootCertificate: "the file of the authorities' certificates"
        case .enableUpgrade: "whether a database of an older schema is upgraded at the start"
        case .downgradeVersion: "the original's way back to an older schema; not taken here"
        }
    }

    /// Flags that the original has from gflags itself, whose effect ``ServerFlags`` has too.
    static let ofGflags: [String: Kind] = [
        "flagfile": .text, "fromenv": .text, "tryfromenv": .text, "undefok": .text, "help": .boolean,
        "helpfull": .boolean, "helpshort": .boolean, "helppackage": .boolean, "version": .boolean,
    ]

    /// Flags that the original has from its logging library, glog; they are taken, and change nothing here.
    static let ofGlog: [String: Kind] = [
        "alsologtoemail": .text, "alsologtostderr": .boolean, "colorlogtostderr": .boolean,
        "drop_log_memory": .boolean, "log_backtrace_at": .text, "log_dir": .text, "log_link": .text,
        "log_prefix": .boolean, "logbuflevel": .integer(bits: 32), "logbufsecs": .integer(bits: 32),
        "logemaillevel": .integer(bits: 32), "logfile_mode": .integer(bits: 32), "logmailer": .text,
        "logtostderr": .boolean, "max_log_size": .integer(bits: 32), "minloglevel": .integer(bits: 32),
        "stderrthreshold": .integer(bits: 32), "stop_logging_if_full_disk": .boolean,
        "symbolize_stacktrace": .boolean, "v": .integer(bits: 32), "vmodule": .text,
    ]

    /// The kind of any flag that the original takes.
    static func kind(_ name: String) -> Kind? {
        ServerFlag(rawValue: name)?.kind ?? ofGflags[name] ?? ofGlog[name]
    }
}
