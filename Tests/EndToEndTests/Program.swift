import FoundationEssentials
import Subprocess

/// Programs that tests run: kfmd itself, Python with its clients, chromium, kubectl.
enum Program {
    static let root = String(#filePath.dropLast("Tests/EndToEndTests/Program.swift".count))
    static var kfmd: String { environment("KFMD_BINARY") ?? root + ".build/debug/kfmd" }
    /// The Python of the virtual environment that `make test` makes.
    static var python: String? { environment("KFMD_PYTHON") }

    /// That of the browser's driver.
    static var browserPython: String? { environment("KFMD_BROWSER_PYTHON") }

    static func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

    /// What a program left.
    struct Ended: CustomStringConvertible {
        var status: Int32
        var output: String
        var errors: String

        var description: String { "status \(status), output: \(output)errors: \(errors)" }
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> Ended
    {
        var variables: [Subprocess.Environment.Key: String?] = [:]
        for (name, value) in environment { variables[.init(stringLiteral: name)] = value }
        let result = try await Subprocess.run(
            program.contains("/") ? .path(.init(program)) : .name(program), arguments: .init(arguments),
            environment: .inherit.updating(variables), output: .string(limit: 16 << 20), error: .string(limit: 1 << 20))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): Int32(code)
            case .signaled(let signal): -Int32(signal)
            }
        return Ended(status: status, output: result.standardOutput, errors: result.standardError)
    }

    /// Whether a program is there.
    static func exists(_ name: String) -> Bool {
        (environment("PATH") ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
        }
    }
}

/// A folder that goes with the test.
struct TemporaryFolder: ~Copyable {
    let path: String

    init() throws {
        path = "\(Program.environment("TMPDIR") ?? "/tmp")/kfmd-e2e-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A program that runs until it is stopped, with its output in a file.
final class Running: Sendable {
    private let task: Task<Int32, any Error>
    private let log: String
    private let processID: Int32

    /// Starts `kfmd` through a shell, which tells its process id and puts its output into a file.
    /// - Parameter program: another than kfmd.
    init(
        _ arguments: [String], log: String, environment: [String: String] = [:], program: String? = nil
    ) async throws {
        self.log = log
        let pidFile = log + ".pid"
        let quoted = ([program ?? Program.kfmd] + arguments).map { "'\($0)'" }.joined(separator: " ")
        let script = "echo $$ > '\(pidFile)'; exec \(quoted) > '\(log)' 2>&1"
        task = Task { try await Program.run("/bin/sh", ["-c", script], environment: environment).status }
        var found: Int32?
        for _ in 0..<1500 where found == nil {
            try await Task.sleep(for: .milliseconds(20))
            found = FileManager.default.contents(atPath: pidFile)
                .flatMap { Int32(String(decoding: $0, as: UTF8.self).split(separator: "\n").first ?? "") }
        }
        processID = found ?? 0
    }

    var output: String {
        FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Waits until the output has a text, and gives what follows it in that line.
    func wait(for text: String) async throws -> String {
        // A minute: others may use the machine.
        for _ in 0..<3000 {
            if let range = output.firstRange(of: text) {
                return String(output[range.upperBound...].prefix { !$0.isNewline })
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw NeverSaid(text: text, output: output)
    }

    struct NeverSaid: Error {
        var text: String
        var output: String
    }

    /// Sends a signal and waits for the end.
    func stop(_ signal: String = "TERM") async throws -> Int32 {
        _ = try await Program.run("/bin/kill", ["-\(signal)", String(processID)])
        return try await task.value
    }
}
