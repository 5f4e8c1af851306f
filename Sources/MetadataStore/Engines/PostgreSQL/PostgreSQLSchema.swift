import SQLite

/// MLMD's schema 10 as a database of PostgreSQL gets it from us: ids and integers of 64 bits, and indexes of long texts
/// by their beginnings, which take texts of any length.
enum PostgreSQLSchema {
    private static func properties(_ table: String, _ key: String) -> String {
        """
        CREATE TABLE IF NOT EXISTS \(table) (
            \(key) BIGINT NOT NULL,
            name VARCHAR(255) NOT NULL,
            is_custom_property BOOLEAN NOT NULL,
            int_value BIGINT,
            double_value DOUBLE PRECISION,
            string_value TEXT,
            byte_value BYTEA,
            proto_value BYTEA,
            bool_value BOOLEAN,
            PRIMARY KEY (\(key), name, is_custom_property)
        )
        """
    }

    private static func times(_ unique: String) -> String {
        """
        external_id VARCHAR(600) UNIQUE,
        create_time_since_epoch BIGINT NOT NULL DEFAULT 0,
        last_update_time_since_epoch BIGINT NOT NULL DEFAULT 0,
        \(unique)
        """
    }

    static let tables = [
        """
        CREATE TABLE IF NOT EXISTS Type (
            id BIGSERIAL PRIMARY KEY,
            name VARCHAR(255) NOT NULL,
            version VARCHAR(255),
            type_kind SMALLINT NOT NULL,
            description TEXT,
            input_type TEXT,
            output_type TEXT,
            external_id VARCHAR(600) UNIQUE
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS TypeProperty (
            type_id BIGINT NOT NULL,
            name VARCHAR(255) NOT NULL,
            data_type INT,
            PRIMARY KEY (type_id, name)
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS ParentType (
            type_id BIGINT NOT NULL,
            parent_type_id BIGINT NOT NULL,
            PRIMARY KEY (type_id, parent_type_id)
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS Artifact (
            id BIGSERIAL PRIMARY KEY,
            type_id BIGINT NOT NULL,
            uri TEXT,
            state INT,
            name VARCHAR(255),
            \(times("CONSTRAINT UniqueArtifactTypeName UNIQUE (type_id, name)"))
        )
        """,
        properties("ArtifactProperty", "artifact_id"),
        """
        CREATE TABLE IF NOT EXISTS Execution (
            id BIGSERIAL PRIMARY KEY,
            type_id BIGINT NOT NULL,
            last_known_state INT,
            name VARCHAR(255),
            \(times("CONSTRAINT UniqueExecutionTypeName UNIQUE (type_id, name)"))
        )
        """,
        properties("ExecutionProperty", "execution_id"),
        """
        CREATE TABLE IF NOT EXISTS Context (
            id BIGSERIAL PRIMARY KEY,
            type_id BIGINT NOT NULL,
            name VARCHAR(255) NOT NULL,
            \(times("UNIQUE (type_id, name)"))
        )
        """,
        properties("ContextProperty", "context_id"),
        """
        CREATE TABLE IF NOT EXISTS Event (
            id BIGSERIAL PRIMARY KEY,
            artifact_id BIGINT NOT NULL,
            execution_id BIGINT NOT NULL,
            type INT NOT NULL,
            milliseconds_since_epoch BIGINT,
            CONSTRAINT UniqueEvent UNIQUE (artifact_id, execution_id, type)
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS EventPath (
            event_id BIGINT NOT NULL,
            is_index_step BOOLEAN NOT NULL,
            step_index BIGINT,
            step_key TEXT,
            kfmd_step BIGSERIAL PRIMARY KEY
        )
        """,
        "CREATE TABLE IF NOT EXISTS MLMDEnv (schema_version INTEGER PRIMARY KEY)",
        """
        CREATE TABLE IF NOT EXISTS ParentContext (
            context_id BIGINT NOT NULL,
            parent_context_id BIGINT NOT NULL,
            PRIMARY KEY (context_id, parent_context_id)
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS Association (
            id BIGSERIAL PRIMARY KEY,
            context_id BIGINT NOT NULL,
            execution_id BIGINT NOT NULL,
            UNIQUE (context_id, execution_id)
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS Attribution (
            id BIGSERIAL PRIMARY KEY,
            context_id BIGINT NOT NULL,
            artifact_id BIGINT NOT NULL,
            UNIQUE (context_id, artifact_id)
        )
        """,
    ]

    /// MLMD's own indexes under its names, so that its server finds all there are, and three of ours.
    static let indexes =
        NodeKind.allCases.flatMap(indexes) + [
            // `text_pattern_ops` serves equality and a folder's range in every collation.
            "CREATE INDEX IF NOT EXISTS idx_artifact_uri ON Artifact (left(uri, 255) text_pattern_ops)",
            "CREATE INDEX IF NOT EXISTS idx_event_execution_id ON Event (execution_id)",
            "CREATE INDEX IF NOT EXISTS idx_eventpath_event_id ON EventPath (event_id)",
            "CREATE INDEX IF NOT EXISTS idx_parentcontext_parent_context_id ON ParentContext (parent_context_id)",
            "CREATE INDEX IF NOT EXISTS idx_type_name ON Type (name)",
            "CREATE INDEX IF NOT EXISTS kfmd_association_execution_id ON Association (execution_id, context_id)",
            "CREATE INDEX IF NOT EXISTS kfmd_attribution_artifact_id ON Attribution (artifact_id, context_id)",
            "CREATE INDEX IF NOT EXISTS kfmd_execution_state ON Execution (last_known_state) WHERE \(Schema.rareStates)",
        ]

    private static func indexes(_ kind: NodeKind) -> [String] {
        let key = "name, is_custom_property"
        return [
            ("create_time_since_epoch", kind.table, "create_time_since_epoch"),
            ("last_update_time_since_epoch", kind.table, "last_update_time_since_epoch"),
            ("property_int", kind.propertyTable, "\(key), int_value) WHERE (int_value IS NOT NULL"),
            ("property_double", kind.propertyTable, "\(key), double_value) WHERE (double_value IS NOT NULL"),
            (
                "property_string", kind.propertyTable,
                "\(key), left(string_value, 255) text_pattern_ops) WHERE (string_value IS NOT NULL"
            ),
        ].map { "CREATE INDEX IF NOT EXISTS idx_\(kind.word)_\($0.0) ON \($0.1) (\($0.2))" }
    }

    static let own = [
        "CREATE TABLE IF NOT EXISTS \(ServerSchema.ownTable) (name VARCHAR(255) PRIMARY KEY, value VARCHAR(255) NOT NULL)",
        """
        CREATE TABLE IF NOT EXISTS \(CommitMark.table)
        (writer VARCHAR(64) PRIMARY KEY, mark VARCHAR(64) NOT NULL, began BIGINT NOT NULL)
        """,
    ]
}
