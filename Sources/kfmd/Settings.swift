import FoundationEssentials
import Logging
import MetadataAPI
import MetadataService
import MetadataStore

/// Options that were not given, from the environment.
enum Settings {
    /// The value of an option: as given, else of its environment variable.
    static func value(_ given: String?, _ variable: String) -> String? {
        if let given { return given }
        guard let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty else { return nil }
        return value
    }

    /// A list: as given, else of its environment variable, cut at commas.
    static func list(_ given: [String], _ variable: String) -> [String] {
        if !given.isEmpty { return given }
        return (value(nil, variable) ?? "").split(separator: ",").map(String.init)
    }

    /// A yes or no from the environment; no when it is not set.
    /// - Throws: ``Failure`` that names the variable.
    static func flag(_ variable: String) throws -> Bool {
        switch value(nil, variable)?.lowercased() {
        case "true", "1": return true
        case "false", "0", nil: return false
        case let text?: throw Failure.usage("\(variable)=\(text): should be true or false")
        }
    }

    /// Where files are that nobody keeps.
    static var temporaryFolder: String { value(nil, "TMPDIR") ?? "/tmp" }

    /// A whole number: as given, else of its environment variable, else the usual one.
    /// - Throws: ``Failure`` that names the option.
    static func number(
        _ given: String?, _ variable: String, _ option: String, _ usual: Int, in range: ClosedRange<Int>
    ) throws -> Int {
        guard let text = value(given, variable) else { return usual }
        guard let number = Int(text), range.contains(number) else {
            throw Failure.usage("\(option) \(text): should be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// - Throws: ``Failure`` that names the option.
    static func address(_ text: String, _ option: String) throws -> MetadataServer.Address {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw Failure.usage("\(option) \(text): should be HOST:PORT") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.isEmpty || host == "::" && !hasIPv6() { host = "0.0.0.0" }
        return MetadataServer.Address(host: host, port: port)
    }

    /// A logger on standard error.
    static func logger(_ label: String, level given: String?) throws -> Logger {
        let text = value(given, "KFMD_LOG_LEVEL") ?? "info"
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure.usage("--log-level \(text): should be one of \(known)")
        }
        var logger = Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = level
        return logger
    }

    /// Where a store is: a file's path, or a database's URL.
    /// - Throws: ``Failure`` that says what is wrong with it, without a password.
    static func storeAddress(_ text: String) throws -> StoreAddress {
        do {
            return try StoreAddress(
                text, environment: { ProcessInfo.processInfo.environment[$0] }, readFile: readFile)
        } catch {
            throw Failure.usage("--store: \(error)")
        }
    }

    /// The text of a small file, such as one that holds a password.
    static func readFile(_ path: String) throws -> String {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure.usage("\(path): cannot be read")
        }
        guard bytes.count <= 1 << 20 else { throw Failure.usage("\(path): is larger than 1 MiB") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Opens a store.
    /// - Throws: ``Failure`` that names the file or database.
    static func openStore(
        _ address: StoreAddress, maximumAnswer: Int = 256 << 20, migrates: Bool = true
    ) throws -> MetadataStore {
        do {
            return try MetadataStore(address: address, maximumAnswer: maximumAnswer, migrates: migrates)
        } catch let error as StoreFileError {
            throw Failure.usage(error.description)
        }
    }

    /// Opens a store, and waits for a server that does not answer yet: it may be started beside this process.
    /// - Parameter retries: how often it is tried again, two seconds apart.
    /// - Throws: ``Failure`` that names the file or database.
    static func openStore(
        _ address: StoreAddress, maximumAnswer: Int, migrates: Bool = true, retries: Int, _ logger: Logger
    ) async throws -> MetadataStore {
        for attempt in 0... {
            do {
                return try MetadataStore(address: address, maximumAnswer: maximumAnswer, migrates: migrates)
            } catch let error as StoreFileError {
                guard error.mayPass, attempt < retries else { throw Failure.usage(error.description) }
                logger.warning("the store cannot be opened yet", metadata: ["reason": "\(error)"])
                try await Task.sleep(for: .seconds(2))
            }
        }
        throw Failure.runtime("the store cannot be opened")
    }
}
