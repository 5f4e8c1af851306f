import SQLite

extension Journal {
    static let toldTable = """
        CREATE TABLE IF NOT EXISTS told (
            problem TEXT PRIMARY KEY,
            updated INTEGER NOT NULL
        ) WITHOUT ROWID;
        """
    /// The oldest beyond these are forgotten.
    private static let maximumTold = 100_000

    /// Keeps which problems are told now.
    /// - Returns: those that were not told before.
    func noteTold(_ problems: [String]) throws -> Set<String> {
        try connection.transaction {
            try problems.reduce(into: []) { new, problem in
                try connection.run(
                    "INSERT OR IGNORE INTO told (problem, updated) VALUES (?, ?)", problem, clock.milliseconds)
                if connection.changes > 0 { new.insert(problem) }
            }
        }
    }

    func pruneTold(before time: Int64) throws {
        try connection.run("DELETE FROM told WHERE updated < ?", time)
        try connection.run(
            "DELETE FROM told WHERE problem IN (SELECT problem FROM told ORDER BY updated DESC LIMIT -1 OFFSET ?)",
            Self.maximumTold)
    }
}
