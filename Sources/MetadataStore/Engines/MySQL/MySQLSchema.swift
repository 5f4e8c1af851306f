import SQLite

/// MLMD's schema 10 as a database of MySQL gets it from us: ids and integers of 64 bits, long texts as long as our limits,
/// and utf8mb4.
struct MySQLSchema {
    /// A collation of utf8mb4 that tells all texts apart.
    var collation: String

    private func table(_ name: String, _ columns: String) -> String {
        """
        CREATE TABLE IF NOT EXISTS \(name) (\(columns)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=\(collation)
        """
    }

    private static let id = "id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"

    private func node(_ kind: NodeKind, _ own: String, _ unique: String) -> String {
        table(
            kind.table,
            """
            \(Self.id),
            type_id BIGINT NOT NULL,
            \(own),
            external_id VARCHAR(600) UNIQUE,
            create_time_since_epoch BIGINT NOT NULL DEFAULT 0,
            last_update_time_since_epoch BIGINT NOT NULL DEFAULT 0,
            UNIQUE KEY \(unique) (type_id, name),
            KEY idx_\(kind.word)_create_time_since_epoch (create_time_since_epoch),
            KEY idx_\(kind.word)_last_update_time_since_epoch (last_update_time_since_epoch)
            """)
    }

    private func properties(_ kind: NodeKind) -> String {
        let key = "name, is_custom_property"
        return table(
            kind.propertyTable,
            """
            \(kind.propertyKey) BIGINT NOT NULL,
            name VARCHAR(255) NOT NULL,
            is_custom_property TINYINT(1) NOT NULL,
            int_value BIGINT,
            double_value DOUBLE,
            string_value LONGTEXT,
            byte_value MEDIUMBLOB,
            proto_value LONGBLOB,
            bool_value TINYINT(1),
            PRIMARY KEY (\(kind.propertyKey), \(key)),
            KEY idx_\(kind.word)_property_int (\(key), int_value),
            KEY idx_\(kind.word)_property_double (\(key), double_value),
            KEY idx_\(kind.word)_property_string (\(key), string_value(255))
            """)
    }

    private func link(_ name: String, _ node: String, _ index: String) -> String {
        table(
            name,
            """
            \(Self.id),
            context_id BIGINT NOT NULL,
            \(node) BIGINT NOT NULL,
            UNIQUE KEY context_id (context_id, \(node)),
            KEY \(index) (\(node), context_id)
            """)
    }

    /// MLMD's indexes have its names.
    var statements: [String] {
        [
            table(
                "Type",
                """
                \(Self.id),
                name VARCHAR(255) NOT NULL,
                version VARCHAR(255),
                type_kind TINYINT(1) NOT NULL,
                description MEDIUMTEXT,
                input_type MEDIUMTEXT,
                output_type MEDIUMTEXT,
                external_id VARCHAR(600) UNIQUE,
                KEY idx_type_name (name)
                """),
            table(
                "TypeProperty",
                """
                type_id BIGINT NOT NULL,
                name VARCHAR(255) NOT NULL,
                data_type INT,
                PRIMARY KEY (type_id, name)
                """),
            table(
                "ParentType",
                """
                type_id BIGINT NOT NULL,
                parent_type_id BIGINT NOT NULL,
                PRIMARY KEY (type_id, parent_type_id)
                """),
            node(
                .artifact, "uri MEDIUMTEXT, state INT, name VARCHAR(255), KEY idx_artifact_uri (uri(255))",
                "UniqueArtifactTypeName"),
            properties(.artifact),
            node(
                .execution,
                "last_known_state INT, name VARCHAR(255), KEY kfmd_execution_state (last_known_state)",
                "UniqueExecutionTypeName"),
            properties(.execution),
            node(.context, "name VARCHAR(255) NOT NULL", "type_id"),
            properties(.context),
            table(
                "Event",
                """
                \(Self.id),
                artifact_id BIGINT NOT NULL,
                execution_id BIGINT NOT NULL,
                type INT NOT NULL,
                milliseconds_since_epoch BIGINT,
                UNIQUE KEY UniqueEvent (artifact_id, execution_id, type),
                KEY idx_event_execution_id (execution_id)
                """),
            table(
                "EventPath",
                """
                event_id BIGINT NOT NULL,
                is_index_step TINYINT(1) NOT NULL,
                step_index BIGINT,
                step_key MEDIUMTEXT,
                kfmd_step BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                KEY idx_eventpath_event_id (event_id)
                """),
            table("MLMDEnv", "schema_version INTEGER PRIMARY KEY"),
            table(
                "ParentContext",
                """
                context_id BIGINT NOT NULL,
                parent_context_id BIGINT NOT NULL,
                PRIMARY KEY (context_id, parent_context_id),
                KEY idx_parentcontext_parent_context_id (parent_context_id)
                """),
            link("Association", "execution_id", "kfmd_association_execution_id"),
            link("Attribution", "artifact_id", "kfmd_attribution_artifact_id"),
        ]
    }

    var own: [String] {
        [
            table(ServerSchema.ownTable, "name VARCHAR(255) PRIMARY KEY, value VARCHAR(255) NOT NULL"),
            table(
                CommitMark.table,
                "writer VARCHAR(64) PRIMARY KEY, mark VARCHAR(64) NOT NULL, began BIGINT NOT NULL"),
        ]
    }
}
