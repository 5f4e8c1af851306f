extension ServerConfigMessage.Shape {
    /// MetadataStoreServerConfig of ml_metadata/proto/metadata_store.proto of release 1.17.
    static let serverConfig = Self(fields: [
        (
            "connection_config",
            .message(
                Self(
                    fields: [
                        ("fake_database", .message(Self(fields: []))), ("mysql", .message(mySQL)),
                        ("sqlite", .message(sqlite)), ("postgresql", .message(postgreSQL)),
                        ("retry_options", .message(Self(fields: [("max_num_retries", .integer)]))),
                    ],
                    alternatives: ["fake_database", "mysql", "sqlite", "postgresql"]))
        ),
        (
            "migration_options",
            .message(
                Self(fields: [("enable_upgrade_migration", .boolean), ("downgrade_to_schema_version", .integer)]))
        ),
        (
            "ssl_config",
            .message(
                Self(fields: [
                    ("server_key", .text), ("server_cert", .text), ("custom_ca", .text), ("client_verify", .boolean),
                ]))
        ),
    ])

    private static let mySQL = Self(fields: [
        ("host", .text), ("port", .integer), ("database", .text), ("user", .text), ("password", .text),
        ("socket", .text),
        (
            "ssl_options",
            .message(
                Self(fields: [
                    ("key", .text), ("cert", .text), ("ca", .text), ("capath", .text), ("cipher", .text),
                    ("verify_server_cert", .boolean),
                ]))
        ),
        ("skip_db_creation", .boolean),
    ])

    private static let sqlite = Self(fields: [
        ("filename_uri", .text),
        ("connection_mode", .names(["UNKNOWN": 0, "READONLY": 1, "READWRITE": 2, "READWRITE_OPENCREATE": 3])),
    ])

    private static let postgreSQL = Self(fields: [
        ("host", .text), ("hostaddr", .text), ("port", .text), ("user", .text), ("password", .text),
        ("passfile", .text), ("dbname", .text), ("skip_db_creation", .boolean),
        (
            "ssloption",
            .message(
                Self(fields: [
                    ("sslmode", .text), ("sslcert", .text), ("sslkey", .text), ("sslpassword", .text),
                    ("sslrootcert", .text),
                ]))
        ),
    ])
}
