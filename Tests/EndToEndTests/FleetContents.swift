import SQLite

/// What a store holds, in numbers that say that each step is there once and whole.
struct FleetContents: Equatable {
    var executions = 0
    var complete = 0
    var names = 0
    var artifacts = 0
    var uris = 0
    var outputs = 0
    var inputs = 0
    /// Steps that read exactly what the step before them wrote.
    var chained = 0
    var inRuns = 0
    var runs = 0

    init() {}

    init(expectedOf fleet: Fleet) {
        let steps = fleet.stepCount
        (executions, complete, names, artifacts, uris, outputs, inRuns) = (
            steps, steps, steps, steps, steps, steps, steps
        )
        (inputs, chained) = (steps - fleet.workflows, steps - fleet.workflows)
        runs = fleet.workflows
    }

    init(_ path: String) throws {
        let connection = try Connection(path: path, mode: .readOnly)
        func count(_ sql: String) throws -> Int { try connection.first(sql) { Int($0.integer(0)) } ?? 0 }
        executions = try count("SELECT COUNT(*) FROM Execution")
        complete = try count("SELECT COUNT(*) FROM Execution WHERE last_known_state = 3")
        names = try count("SELECT COUNT(DISTINCT external_id) FROM Execution")
        artifacts = try count("SELECT COUNT(*) FROM Artifact")
        uris = try count("SELECT COUNT(DISTINCT uri) FROM Artifact")
        outputs = try count("SELECT COUNT(*) FROM Event WHERE type = 4")
        inputs = try count("SELECT COUNT(*) FROM Event WHERE type = 3")
        chained = try count(
            """
            SELECT COUNT(*) FROM Event AS i JOIN Artifact AS a ON a.id = i.artifact_id
            JOIN Event AS o ON o.artifact_id = i.artifact_id AND o.type = 4
            JOIN Execution AS later ON later.id = i.execution_id
            JOIN Execution AS earlier ON earlier.id = o.execution_id
            WHERE i.type = 3 AND CAST(substr(later.external_id, -1) AS INT)
            = CAST(substr(earlier.external_id, -1) AS INT) + 1
            """)
        inRuns = try count(
            """
            SELECT COUNT(*) FROM Association AS l JOIN Context AS c ON c.id = l.context_id
            JOIN Type AS t ON t.id = c.type_id WHERE t.name = 'kubeflow.org/alpha/run'
            """)
        runs = try count(
            "SELECT COUNT(*) FROM Context AS c JOIN Type AS t ON t.id = c.type_id WHERE t.name = 'kubeflow.org/alpha/run'"
        )
    }

    /// The contents once they are as expected, or after a time in which they did not become so.
    static func settled(_ path: String, _ fleet: Fleet) async throws -> FleetContents {
        let expected = FleetContents(expectedOf: fleet)
        var found = FleetContents()
        for _ in 0..<450 {
            found = try FleetContents(path)
            if found == expected { break }
            try await Task.sleep(for: .milliseconds(200))
        }
        // Nothing is doubled a moment later.
        try await Task.sleep(for: .milliseconds(1500))
        return try FleetContents(path)
    }
}
