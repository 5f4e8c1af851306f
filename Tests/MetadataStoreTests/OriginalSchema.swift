/// MLMD's schema 10 with the columns that its server gives it on PostgreSQL and MySQL; of the indexes those that refuse
/// values.
enum OriginalSchema {
    static func statements(_ engine: TestEngine) -> [String] {
        let isMySQL = engine == .mySQL
        let id = isMySQL ? "id INT AUTO_INCREMENT PRIMARY KEY" : "id SERIAL PRIMARY KEY"
        let bool = isMySQL ? "TINYINT(1)" : "BOOLEAN"
        let (text, bytes) = isMySQL ? ("MEDIUMTEXT", "MEDIUMBLOB") : ("TEXT", "BYTEA")
        let end = isMySQL ? ") DEFAULT CHARSET=latin1" : ")"
        let times = """
            create_time_since_epoch BIGINT NOT NULL DEFAULT 0, last_update_time_since_epoch BIGINT NOT NULL DEFAULT 0
            """
        func node(_ name: String, _ own: String) -> String {
            """
            CREATE TABLE \(name) (\(id), type_id INT NOT NULL, \(own), external_id VARCHAR(255) UNIQUE,
            \(times), UNIQUE (type_id, name)\(end)
            """
        }
        func properties(_ name: String, _ key: String) -> String {
            """
            CREATE TABLE \(name) (\(key) INT NOT NULL, name VARCHAR(255) NOT NULL, is_custom_property \(bool) NOT NULL,
            int_value INT, double_value DOUBLE PRECISION, string_value \(text), byte_value \(bytes),
            proto_value \(bytes), bool_value \(bool), PRIMARY KEY (\(key), name, is_custom_property)\(end)
            """
        }
        func link(_ name: String, _ node: String) -> String {
            "CREATE TABLE \(name) (\(id), context_id INT NOT NULL, \(node) INT NOT NULL, UNIQUE (context_id, \(node))\(end)"
        }
        let prefix = isMySQL ? "(255)" : ""
        return [
            """
            CREATE TABLE Type (\(id), name VARCHAR(255) NOT NULL, version VARCHAR(255), type_kind SMALLINT NOT NULL,
            description TEXT, input_type TEXT, output_type TEXT, external_id VARCHAR(255) UNIQUE\(end)
            """,
            "CREATE TABLE TypeProperty (type_id INT, name VARCHAR(255), data_type INT, PRIMARY KEY (type_id, name)\(end)",
            "CREATE TABLE ParentType (type_id INT, parent_type_id INT, PRIMARY KEY (type_id, parent_type_id)\(end)",
            node("Artifact", "uri TEXT, state INT, name VARCHAR(255)"),
            node("Execution", "last_known_state INT, name VARCHAR(255)"),
            node("Context", "name VARCHAR(255) NOT NULL"),
            properties("ArtifactProperty", "artifact_id"), properties("ExecutionProperty", "execution_id"),
            properties("ContextProperty", "context_id"),
            """
            CREATE TABLE Event (\(id), artifact_id INT NOT NULL, execution_id INT NOT NULL, type INT NOT NULL,
            milliseconds_since_epoch BIGINT, UNIQUE (artifact_id, execution_id, type)\(end)
            """,
            "CREATE TABLE EventPath (event_id INT NOT NULL, is_index_step \(bool) NOT NULL, step_index INT, step_key TEXT\(end)",
            "CREATE TABLE ParentContext (context_id INT, parent_context_id INT, PRIMARY KEY (context_id, parent_context_id)\(end)",
            link("Association", "execution_id"), link("Attribution", "artifact_id"),
            "CREATE TABLE MLMDEnv (schema_version INTEGER PRIMARY KEY\(end)", "INSERT INTO MLMDEnv VALUES (10)",
            "CREATE INDEX idx_artifact_uri ON Artifact (uri\(prefix))",
        ]
            + ["artifact", "execution", "context"].flatMap { kind in
                ["create_time_since_epoch", "last_update_time_since_epoch"].map {
                    "CREATE INDEX idx_\(kind)_\($0) ON \(kind.prefix(1).uppercased() + kind.dropFirst()) (\($0))"
                }
            }
    }
}
