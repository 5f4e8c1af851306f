import MetadataStore
import TestDatabases
import Testing

/// The databases that a store is kept in.
enum TestEngine: String, CaseIterable, CustomTestStringConvertible {
    case sqlite = "SQLite"
    case postgreSQL = "PostgreSQL"
    case mySQL = "MySQL"

    /// That of the test that runs.
    @TaskLocal static var current = TestEngine.sqlite

    var testDescription: String { rawValue }

    /// Why it cannot be had here; `nil` where it can.
    var isMissing: String? {
        switch self {
        case .sqlite: nil
        case .postgreSQL: TestDatabases.postgreSQLIsMissing
        case .mySQL: TestDatabases.mySQLIsMissing
        }
    }
}

/// Where a test keeps its store.
final class StorePlace {
    let address: StoreAddress
    /// The database; `nil` for a file.
    let database: TestDatabase?
    private let file = TemporaryFile()

    /// - Parameter engine: that of the test by default.
    init(_ engine: TestEngine = .current) throws {
        database =
            switch engine {
            case .sqlite: nil
            case .postgreSQL: try TestDatabases.postgreSQL()
            case .mySQL: try TestDatabases.mySQL()
            }
        address =
            try database.map {
                try StoreAddress($0.url, environment: { _ in nil }, readFile: { _ in "" })
            } ?? .file(file.path)
    }

    /// Drops the database. A reference that nobody uses any more would be gone before its test ends.
    func remove() { try? database?.drop() }
}

/// Runs each test on one engine after the other.
struct OverEngines: SuiteTrait, TestTrait, TestScoping {
    var engines = TestEngine.allCases

    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> OverEngines? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        for engine in engines where engine.isMissing == nil {
            do {
                try await TestEngine.$current.withValue(engine, operation: function)
            } catch {
                throw EngineFailure(engine: engine, error: error)
            }
        }
    }
}

/// What a test threw, and on which engine.
struct EngineFailure: Error, CustomStringConvertible {
    var engine: TestEngine
    var error: any Error

    var description: String { "on \(engine.rawValue): \(error)" }
}

extension Trait where Self == OverEngines {
    /// On each database that can be had.
    static var overEngines: OverEngines { OverEngines() }

    /// On each server that can be had.
    static var overServers: OverEngines { OverEngines(engines: [.postgreSQL, .mySQL]) }
}

/// The summary of a run counts what was left out.
@Suite struct EngineTests {
    @Test(.enabled(if: TestEngine.postgreSQL.isMissing == nil, "\(TestEngine.postgreSQL.isMissing ?? "")"))
    func postgreSQLIsThere() throws {
        let place = try StorePlace(.postgreSQL)
        defer { place.remove() }
        #expect(try place.database?.execute("SELECT 1") == [["1"]])
    }

    @Test(.enabled(if: TestEngine.mySQL.isMissing == nil, "\(TestEngine.mySQL.isMissing ?? "")"))
    func mySQLIsThere() throws {
        let place = try StorePlace(.mySQL)
        defer { place.remove() }
        #expect(try place.database?.execute("SELECT 1") == [["1"]])
    }
}
