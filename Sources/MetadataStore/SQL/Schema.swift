internal import SQLite

/// The tables of MLMD's SQLite schema, version 10, as ml-metadata 1.7 to 1.17 make them.
enum Schema {
    static let version: Int64 = 10

    /// Why a database is not taken as a store.
    struct VersionError: Error {
        var reason: String
    }

    /// What ``prepare(_:migrates:)`` found.
    enum State {
        case ready
        case migrated(StoreMigration)
    }

    /// Makes the tables in an empty database, brings an older one to this version, and checks the rest.
    /// - Parameter migrates: whether an older database is changed; else it is refused.
    /// - Throws: `SQLiteError`, ``VersionError``.
    static func prepare(_ connection: Connection, path: String, migrates: Bool) throws -> State {
        let tables = try self.tables(of: connection)
        if tables.isEmpty {
            try connection.transaction {
                // Another process may have made them meanwhile.
                guard try self.tables(of: connection).isEmpty else { return }
                try create(connection)
                try SystemType.prepare(Session(file: connection))
            }
            return .ready
        }
        let found = try Migration.version(of: connection, tables)
        guard found <= version else {
            throw VersionError(
                reason: "has schema version \(found), newer than the \(version) that this kfmd knows")
        }
        guard found == version else {
            guard migrates else {
                throw VersionError(
                    reason: "has the older schema version \(found); kfmd serve --store migrates it, and keeps a copy")
            }
            guard let migration = try Migration.run(connection, path: path, from: found) else {
                return try prepare(connection, path: path, migrates: migrates)
            }
            return .migrated(migration)
        }
        let missing = tableNames.filter { !tables.contains($0) }
        guard missing.isEmpty else {
            throw VersionError(reason: "lacks tables of schema version \(version): \(missing.joined(separator: ", "))")
        }
        try complete(connection)
        return .ready
    }

    static func tables(of connection: Connection) throws -> Set<String> {
        Set(
            try connection.rows(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ) { $0.text(0) })
    }

    /// Executions that are looked for among many that are complete: new, running, failed, canceled.
    static let rareStates = "last_known_state IN (1, 2, 4, 6)"
    static let rareStateNumbers: Set<String> = ["1", "2", "4", "6"]

    static let tableNames = [
        "Type", "TypeProperty", "ParentType", "Artifact", "ArtifactProperty", "Execution",
        "ExecutionProperty", "Event", "EventPath", "MLMDEnv", "Context", "ContextProperty",
        "ParentContext", "Association", "Attribution",
    ]

    /// All tables and indexes, and the version.
    static func create(_ connection: Connection) throws {
        try connection.execute(tableStatements)
        try connection.execute(indexStatements)
        try connection.run("INSERT INTO MLMDEnv (schema_version) VALUES (?)", version)
    }

    /// Adds what a database of this version may lack: lists rely on the indexes, and MLMD itself
    /// makes the system's types whenever it opens a file.
    private static func complete(_ connection: Connection) throws {
        let indexes = Set(
            try connection.rows("SELECT name FROM sqlite_master WHERE type = 'index'") { $0.text(0) })
        let lacks = indexStatements.split(separator: "\n").contains { line in
            let name = line.dropFirst("CREATE INDEX IF NOT EXISTS ".count).prefix { $0 != " " }
            return !indexes.contains(String(name))
        }
        guard try lacks || !SystemType.isPrepared(Session(file: connection)) else { return }
        try connection.transaction {
            try connection.execute(indexStatements)
            try SystemType.prepare(Session(file: connection))
        }
    }

    private static let tableStatements = """
        CREATE TABLE Type (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name VARCHAR(255) NOT NULL,
            version VARCHAR(255),
            type_kind TINYINT(1) NOT NULL,
            description TEXT,
            input_type TEXT,
            output_type TEXT,
            external_id VARCHAR(255) UNIQUE
        );
        CREATE TABLE TypeProperty (
            type_id INT NOT NULL,
            name VARCHAR(255) NOT NULL,
            data_type INT NULL,
            PRIMARY KEY (type_id, name)
        );
        CREATE TABLE ParentType (
            type_id INT NOT NULL,
            parent_type_id INT NOT NULL,
            PRIMARY KEY (type_id, parent_type_id)
        );
        CREATE TABLE Artifact (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            type_id INT NOT NULL,
            uri TEXT,
            state INT,
            name VARCHAR(255),
            external_id VARCHAR(255) UNIQUE,
            create_time_since_epoch INT NOT NULL DEFAULT 0,
            last_update_time_since_epoch INT NOT NULL DEFAULT 0,
            UNIQUE(type_id, name)
        );
        CREATE TABLE ArtifactProperty (
            artifact_id INT NOT NULL,
            name VARCHAR(255) NOT NULL,
            is_custom_property TINYINT(1) NOT NULL,
            int_value INT,
            double_value DOUBLE,
            string_value TEXT,
            byte_value BLOB,
            proto_value BLOB,
            bool_value BOOLEAN,
            PRIMARY KEY (artifact_id, name, is_custom_property)
        );
        CREATE TABLE Execution (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            type_id INT NOT NULL,
            last_known_state INT,
            name VARCHAR(255),
            external_id VARCHAR(255) UNIQUE,
            create_time_since_epoch INT NOT NULL DEFAULT 0,
            last_update_time_since_epoch INT NOT NULL DEFAULT 0,
            UNIQUE(type_id, name)
        );
        CREATE TABLE ExecutionProperty (
            execution_id INT NOT NULL,
            name VARCHAR(255) NOT NULL,
            is_custom_property TINYINT(1) NOT NULL,
            int_value INT,
            double_value DOUBLE,
            string_value TEXT,
            byte_value BLOB,
            proto_value BLOB,
            bool_value BOOLEAN,
            PRIMARY KEY (execution_id, name, is_custom_property)
        );
        CREATE TABLE Event (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            artifact_id INT NOT NULL,
            execution_id INT NOT NULL,
            type INT NOT NULL,
            milliseconds_since_epoch INT,
            UNIQUE(artifact_id, execution_id, type)
        );
        CREATE TABLE EventPath (
            event_id INT NOT NULL,
            is_index_step TINYINT(1) NOT NULL,
            step_index INT,
            step_key TEXT
        );
        CREATE TABLE MLMDEnv (
            schema_version INTEGER PRIMARY KEY
        );
        CREATE TABLE Context (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            type_id INT NOT NULL,
            name VARCHAR(255) NOT NULL,
            external_id VARCHAR(255) UNIQUE,
            create_time_since_epoch INT NOT NULL DEFAULT 0,
            last_update_time_since_epoch INT NOT NULL DEFAULT 0,
            UNIQUE(type_id, name)
        );
        CREATE TABLE ContextProperty (
            context_id INT NOT NULL,
            name VARCHAR(255) NOT NULL,
            is_custom_property TINYINT(1) NOT NULL,
            int_value INT,
            double_value DOUBLE,
            string_value TEXT,
            byte_value BLOB,
            proto_value BLOB,
            bool_value BOOLEAN,
            PRIMARY KEY (context_id, name, is_custom_property)
        );
        CREATE TABLE ParentContext (
            context_id INT NOT NULL,
            parent_context_id INT NOT NULL,
            PRIMARY KEY (context_id, parent_context_id)
        );
        CREATE TABLE Association (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            context_id INT NOT NULL,
            execution_id INT NOT NULL,
            UNIQUE(context_id, execution_id)
        );
        CREATE TABLE Attribution (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            context_id INT NOT NULL,
            artifact_id INT NOT NULL,
            UNIQUE(context_id, artifact_id)
        );
        """

    /// The last two are ours: without them the contexts of a node are a look through all links.
    private static let indexStatements = """
        CREATE INDEX IF NOT EXISTS idx_artifact_uri ON Artifact(uri);
        CREATE INDEX IF NOT EXISTS idx_artifact_create_time_since_epoch ON Artifact(create_time_since_epoch);
        CREATE INDEX IF NOT EXISTS idx_artifact_last_update_time_since_epoch ON Artifact(last_update_time_since_epoch);
        CREATE INDEX IF NOT EXISTS idx_event_execution_id ON Event(execution_id);
        CREATE INDEX IF NOT EXISTS idx_parentcontext_parent_context_id ON ParentContext(parent_context_id);
        CREATE INDEX IF NOT EXISTS idx_type_name ON Type(name);
        CREATE INDEX IF NOT EXISTS idx_execution_create_time_since_epoch ON Execution(create_time_since_epoch);
        CREATE INDEX IF NOT EXISTS idx_execution_last_update_time_since_epoch ON Execution(last_update_time_since_epoch);
        CREATE INDEX IF NOT EXISTS idx_context_create_time_since_epoch ON Context(create_time_since_epoch);
        CREATE INDEX IF NOT EXISTS idx_context_last_update_time_since_epoch ON Context(last_update_time_since_epoch);
        CREATE INDEX IF NOT EXISTS idx_eventpath_event_id ON EventPath(event_id);
        CREATE INDEX IF NOT EXISTS idx_artifact_property_int ON ArtifactProperty(name, is_custom_property, int_value) WHERE int_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_artifact_property_double ON ArtifactProperty(name, is_custom_property, double_value) WHERE double_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_artifact_property_string ON ArtifactProperty(name, is_custom_property, string_value) WHERE string_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_execution_property_int ON ExecutionProperty(name, is_custom_property, int_value) WHERE int_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_execution_property_double ON ExecutionProperty(name, is_custom_property, double_value) WHERE double_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_execution_property_string ON ExecutionProperty(name, is_custom_property, string_value) WHERE string_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_context_property_int ON ContextProperty(name, is_custom_property, int_value) WHERE int_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_context_property_double ON ContextProperty(name, is_custom_property, double_value) WHERE double_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_context_property_string ON ContextProperty(name, is_custom_property, string_value) WHERE string_value IS NOT NULL;
        CREATE INDEX IF NOT EXISTS idx_type_external_id ON Type(external_id);
        CREATE INDEX IF NOT EXISTS idx_artifact_external_id ON Artifact(external_id);
        CREATE INDEX IF NOT EXISTS idx_execution_external_id ON Execution(external_id);
        CREATE INDEX IF NOT EXISTS idx_context_external_id ON Context(external_id);
        CREATE INDEX IF NOT EXISTS kfmd_association_execution_id ON Association(execution_id, context_id);
        CREATE INDEX IF NOT EXISTS kfmd_attribution_artifact_id ON Attribution(artifact_id, context_id);
        CREATE INDEX IF NOT EXISTS kfmd_execution_state ON Execution(last_known_state) WHERE \(rareStates);
        """
}
