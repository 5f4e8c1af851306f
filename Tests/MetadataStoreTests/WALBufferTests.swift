import Foundation
import SQLite
import Testing

/// The gathered log: nothing is written to it but by a commit, beside other connections and processes.
@Suite(.timeLimit(.minutes(5))) struct WALBufferTests {
    private func open(_ path: String, gathersLog: Bool) throws -> Connection {
        let connection = try Connection(path: path, gathersLog: gathersLog)
        try connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -64")
        return connection
    }

    private struct GivenUp: Error {}

    /// A large transaction that is undone leaves nothing that a later one could write over others' pages.
    @Test func whatWasUndoneIsNeverWritten() throws {
        let file = TemporaryFile()
        let gathering = try open(file.path, gathersLog: true)
        try gathering.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, body BLOB)")
        let other = try open(file.path, gathersLog: false)
        let body = [UInt8](repeating: 7, count: 3000)
        for round in 0..<30 {
            let size = (try? FileManager.default.attributesOfItem(atPath: file.path + "-wal")[.size] as? Int) ?? 0
            #expect(throws: GivenUp.self) {
                try gathering.transaction {
                    for _ in 0..<200 { try gathering.run("INSERT INTO t (body) VALUES (?)", body) }
                    throw GivenUp()
                }
            }
            let after = (try? FileManager.default.attributesOfItem(atPath: file.path + "-wal")[.size] as? Int) ?? 0
            #expect(after == size, "round \(round)")
            // Another writes where the undone pages would have been.
            for _ in 0..<5 { try other.run("INSERT INTO t (body) VALUES (?)", body) }
            try gathering.transaction { try gathering.run("INSERT INTO t (body) VALUES (?)", body) }
            #expect(try other.first("SELECT COUNT(*) FROM t") { $0.integer(0) } == Int64((round + 1) * 6))
        }
        #expect(try other.first("PRAGMA integrity_check") { $0.text(0) } == "ok")
        #expect(try gathering.first("PRAGMA integrity_check") { $0.text(0) } == "ok")
    }

    /// Many pages in one commit, more than the buffer, and checkpoints between.
    @Test func largeCommitsAreWhole() throws {
        let file = TemporaryFile()
        let gathering = try open(file.path, gathersLog: true)
        try gathering.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, body BLOB); PRAGMA wal_autocheckpoint = 100")
        let reader = try Connection(path: file.path, mode: .readOnly)
        for round in 1...5 {
            try gathering.transaction {
                for _ in 0..<1000 {
                    try gathering.run("INSERT INTO t (body) VALUES (?)", [UInt8](repeating: UInt8(round), count: 4000))
                }
            }
            #expect(try reader.first("SELECT COUNT(*) FROM t") { $0.integer(0) } == Int64(round * 1000))
        }
        #expect(try reader.first("PRAGMA integrity_check") { $0.text(0) } == "ok")
    }

    /// A name that SQLite could take for a URI is a file's name.
    @Test func aPathIsAPath() throws {
        let folder = FileManager.default.currentDirectoryPath
        let name = "file:kfmd-test-\(UInt32.random(in: 0 ... .max)).db"
        defer { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
        _ = try Connection(path: name)
        try Connection(path: name).execute("CREATE TABLE t (x)")
        #expect(FileManager.default.fileExists(atPath: "\(folder)/\(name)"))
    }
}
