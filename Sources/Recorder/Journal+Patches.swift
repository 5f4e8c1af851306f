import SQLite

extension Journal {
    /// Something to be written back onto a pod.
    struct Patch: Sendable {
        var id: Int64
        var namespace: String
        var pod: String
        /// A JSON merge patch.
        var body: String
    }

    /// What is to be written back, oldest first.
    func patches(limit: Int) throws -> [Patch] {
        try connection.rows("SELECT id, namespace, pod, body FROM patch ORDER BY id LIMIT ?", limit) {
            Patch(id: $0.integer(0), namespace: $0.text(1), pod: $0.text(2), body: $0.text(3))
        }
    }

    /// Lets others go first: these were not taken.
    func postponePatches(_ patches: [Patch]) throws {
        try connection.transaction {
            for patch in patches {
                try connection.run(
                    "UPDATE patch SET id = (SELECT max(id) + 1 FROM patch) WHERE id = ?", patch.id)
            }
        }
    }

    func removePatches(_ patches: [Patch]) throws {
        guard !patches.isEmpty else { return }
        try connection.transaction {
            for patch in patches { try connection.run("DELETE FROM patch WHERE id = ?", patch.id) }
        }
    }

    /// Waits until something is to be written back, or the task is cancelled.
    func waitForPatches() async {
        while !Task.isCancelled, !isThere("SELECT 1 FROM patch LIMIT 1") { await sleepUntilWoken() }
    }
}
