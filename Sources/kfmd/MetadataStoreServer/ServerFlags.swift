/// The command line of ML Metadata's server, read as gflags reads it (https://gflags.github.io/gflags/).
///
/// `--name=value`, `--name value`, `-name`; for a yes or no also `--name` and `--noname`. Of a flag that comes twice the
/// last value counts. A hyphen in a name is an underscore.
struct ServerFlags: CustomStringConvertible {
    /// What is asked for instead of a server.
    enum Request: Equatable {
        /// ``ServerFlags/help``.
        case help
        /// The program's version.
        case version
    }

    /// `nil`: a server.
    private(set) var request: Request?
    /// Names of flags of the logging library that were given.
    private(set) var ignored: [String] = []
    private var values: [ServerFlag: String] = [:]
    /// Unknown flags, in case --undefok comes later.
    private var unknown: [String] = []
    private var permittedUnknown: Set<String> = []

    /// Flag files within flag files.
    private static let maximumDepth = 8
    /// Of a flag file, in bytes.
    private static let maximumSize = 1 << 20

    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - environment: a variable's value, for --fromenv.
    ///   - readFile: a file's content, for --flagfile.
    /// - Throws: ``Failure``: one line that names the flag, and never a password.
    init(
        _ arguments: [String], environment: @escaping (String) -> String?,
        readFile: @escaping (String) throws -> String
    ) throws {
        var reader = Reader(environment: environment, readFile: readFile)
        try reader.read(arguments)
        self = reader.flags
        if let name = unknown.first(where: { !isPermitted($0) }) {
            let word = name.prefix { $0 == "_" || $0 == "-" || $0.isASCII && ($0.isLetter || $0.isNumber) }
            // What follows a word may be a password, as in --mysql_config_password:x.
            guard word.count == name.count else {
                throw Failure.usage("--\(word): another character than = follows; values are given as --name=value")
            }
            let near = Self.closest(to: name).map { "; did you mean --\($0)?" } ?? "; --help lists them"
            throw Failure.usage("--\(name): there is no such flag\(near)")
        }
    }

    private init() {}

    /// Whether --undefok names an unknown flag, or the one that its `no` negates.
    private func isPermitted(_ name: String) -> Bool {
        permittedUnknown.contains(name) || name.hasPrefix("no") && permittedUnknown.contains(String(name.dropFirst(2)))
    }

    /// The value of a flag, or the usual one.
    func text(_ flag: ServerFlag) -> String { values[flag] ?? flag.usual }

    /// The value of a flag of numbers.
    func integer(_ flag: ServerFlag) -> Int64 { Self.integer(text(flag)) ?? 0 }

    /// The value of a flag of yes and no.
    func boolean(_ flag: ServerFlag) -> Bool { Self.boolean(text(flag)) ?? false }

    /// The names of the flags that were given, without values.
    var description: String { values.keys.map { "--\($0.rawValue)" }.sorted().joined(separator: " ") }

    /// Whether it was given.
    func isGiven(_ flag: ServerFlag) -> Bool { values[flag] != nil }

    /// The text of `--help`.
    static var help: String {
        let lines = ServerFlag.allCases.map { flag in
            let usual = flag.usual.isEmpty ? "" : " (\(flag.usual))"
            return "  --\(flag.rawValue)\n        \(flag.help)\(usual)\n"
        }
        return "The flags of ML Metadata's server, as --name=value:\n" + lines.joined()
            + "  --flagfile\n        files of such flags, one a line\n"
            + "  --fromenv, --tryfromenv\n        flags to take from variables such as FLAGS_mysql_config_password\n"
    }

    /// Why a file cannot be read.
    static func reason(_ error: any Error) -> String { (error as? Failure)?.message ?? "\(error)" }

    /// The words of gflags for yes and no.
    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased().filter({ $0 != " " }) {
        case "1", "t", "true", "y", "yes": true
        case "0", "f", "false", "n", "no": false
        default: nil
        }
    }

    /// A whole number, decimal or hexadecimal with 0x.
    static func integer(_ text: String) -> Int64? {
        var digits = Substring(text.filter { $0 != " " })
        let isNegative = digits.first == "-"
        if isNegative || digits.first == "+" { digits = digits.dropFirst() }
        let isHexadecimal = digits.hasPrefix("0x") || digits.hasPrefix("0X")
        if isHexadecimal { digits = digits.dropFirst(2) }
        guard let first = digits.first, first != "-", first != "+" else { return nil }
        return Int64((isNegative ? "-" : "") + digits, radix: isHexadecimal ? 16 : 10)
    }

    /// The known flag whose name is nearest, when it is near.
    private static func closest(to name: String) -> String? {
        let known = ServerFlag.allCases.map(\.rawValue) + ServerFlag.ofGflags.keys.sorted()
        let near = known.map { (name: $0, distance: distance(name, $0)) }.min { $0.distance < $1.distance }
        guard let near, near.distance <= max(2, near.name.utf8.count / 3) else { return nil }
        return near.name
    }

    /// How many letters are to be put in, taken out or changed (Levenshtein).
    private static func distance(_ first: String, _ second: String) -> Int {
        let letters = Array(second.utf8)
        var row = Array(0...letters.count)
        // A longer one is near to none.
        for (line, letter) in first.utf8.prefix(80).enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for column in letters.indices {
                let change = diagonal + (letters[column] == letter ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(change, diagonal + 1, row[column] + 1)
            }
        }
        return row[letters.count]
    }
}

extension ServerFlags {
    /// Reads arguments, and what they refer to.
    private struct Reader {
        var flags = ServerFlags()
        let environment: (String) -> String?
        let readFile: (String) throws -> String

        mutating func read(_ arguments: [String]) throws {
            var index = 0
            while index < arguments.count {
                let argument = arguments[index]
                index += 1
                if argument == "--" { break }
                // It may be a password that lost its flag.
                guard let (name, given) = Self.split(argument) else {
                    throw Failure.usage("argument \(index) is no flag; values are given as --name=value")
                }
                guard let (name, kind, isNegated) = Self.known(name) else {
                    flags.unknown.append(name)
                    // Its value, if it is one of text.
                    if given == nil, index < arguments.count, !arguments[index].hasPrefix("-") { index += 1 }
                    continue
                }
                if kind == .boolean {
                    if given == nil, index < arguments.count, let word = ServerFlags.boolean(arguments[index]) {
                        // gflags would ignore the word: here it may only say the same.
                        guard word == !isNegated else {
                            throw Failure.usage("--\(name) \(arguments[index]): write --\(name)=\(arguments[index])")
                        }
                        index += 1
                    }
                    try setBoolean(name, given, isNegated: isNegated)
                } else if let given {
                    try set(name, kind, given, depth: 0)
                } else {
                    // gflags would take the next flag for the value; errors that show values would show a password.
                    guard index < arguments.count, !Self.isFlag(arguments[index]) else {
                        throw Failure.usage("--\(name): its value is missing")
                    }
                    index += 1
                    try set(name, kind, arguments[index - 1], depth: 0)
                }
            }
            guard index == arguments.count else {
                throw Failure.usage("argument \(index + 1), after --, is no flag; values are given as --name=value")
            }
        }

        /// A flag's name, and its value where one is given with it.
        private static func split(_ argument: String) -> (name: String, value: String?)? {
            guard argument.hasPrefix("-"), argument != "-" else { return nil }
            let parts = argument.drop { $0 == "-" }.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard argument.prefix(3) != "---", let name = parts.first else { return nil }
            return (String(name), parts.count == 2 ? String(parts[1]) : nil)
        }

        /// Whether it is one that the original takes.
        private static func isFlag(_ argument: String) -> Bool {
            split(argument).map { known($0.name) != nil } ?? false
        }

        /// A flag by the name that was given: with hyphens, or `no` before it.
        private static func known(
            _ given: String
        ) -> (name: String, kind: ServerFlag.Kind, isNegated: Bool)? {
            let name = String(given.map { $0 == "-" ? "_" : $0 })
            if let kind = ServerFlag.kind(name) { return (name, kind, false) }
            let positive = String(name.dropFirst(2))
            guard name.hasPrefix("no"), ServerFlag.kind(positive) == .boolean else { return nil }
            return (positive, .boolean, true)
        }

        private mutating func setBoolean(_ name: String, _ given: String?, isNegated: Bool) throws {
            guard given == nil || !isNegated else { throw Failure.usage("--no\(name): takes no value") }
            guard let value = given.map(ServerFlags.boolean) ?? !isNegated else {
                throw Failure.usage("--\(name): should be true or false")
            }
            switch name {
            case "help", "helpfull", "helpshort", "helppackage": if value { flags.request = .help }
            case "version": if value { flags.request = flags.request ?? .version }
            default: keep(name, value ? "true" : "false")
            }
        }

        private mutating func set(
            _ name: String, _ kind: ServerFlag.Kind, _ value: String, depth: Int
        ) throws {
            if case .integer(let bits) = kind {
                let limit = Int64.max >> (64 - bits)
                guard let number = ServerFlags.integer(value), (-limit - 1...limit).contains(number) else {
                    throw Failure.usage(
                        "--\(name)\(Self.shown(value)): should be a whole number of \(bits) bits"
                            + Self.unset(value))
                }
            }
            switch name {
            case "flagfile":
                for path in Self.list(value) { try readFlags(path, depth: depth + 1) }
            case "fromenv", "tryfromenv":
                for flag in Self.list(value) {
                    try takeVariable(flag, isNeeded: name == "fromenv", depth: depth)
                }
            case "undefok": flags.permittedUnknown.formUnion(Self.list(value))
            default: keep(name, value)
            }
        }

        private mutating func keep(_ name: String, _ value: String) {
            if let flag = ServerFlag(rawValue: name) {
                flags.values[flag] = value
            } else if !flags.ignored.contains(name) {
                flags.ignored.append(name)
            }
        }

        private static func list(_ value: String) -> [String] { value.split(separator: ",").map(String.init) }

        /// A value that should be a number: other texts may be passwords, unless Kubernetes made them.
        private static func shown(_ value: String) -> String {
            let isNumber = value.utf8.allSatisfy { (0x2B...0x39).contains($0) }
            let isMade = value.hasPrefix("$(") && value.hasSuffix(")") || value.hasPrefix("tcp://")
            return isNumber || isMade && !value.contains("=") ? "=\(value)" : ""
        }

        /// What Kubernetes leaves of a variable that it does not know is told, for it is hard to see.
        private static func unset(_ value: String) -> String {
            value.hasPrefix("$(") ? "; Kubernetes knows no such variable" : ""
        }

        /// A flag file: a flag with its value a line, comments with #.
        private mutating func readFlags(_ path: String, depth: Int) throws {
            guard depth <= ServerFlags.maximumDepth else {
                throw Failure.usage("--flagfile \(path): more than \(ServerFlags.maximumDepth) files within each other")
            }
            let content: String
            do {
                content = try readFile(path)
            } catch {
                throw Failure.usage("--flagfile \(path): \(ServerFlags.reason(error))")
            }
            guard content.utf8.count <= ServerFlags.maximumSize else {
                throw Failure.usage("--flagfile \(path): more than \(ServerFlags.maximumSize) bytes")
            }
            let lines = content.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            for (number, line) in lines.enumerated() {
                // What stands at the end of a line belongs to the value: it may be part of a password.
                let text = line.drop(while: \.isWhitespace)
                if text.isEmpty || text.hasPrefix("#") { continue }
                let place = "--flagfile \(path), line \(number + 1)"
                // gflags has lines of program names too, after which flags count for those programs only.
                guard let (name, given) = Self.split(String(text)) else {
                    throw Failure.usage("\(place): should be a flag, as --name=value")
                }
                // Values are shown, but for secrets.
                if let given, given.contains(" --"), ServerFlag(rawValue: name)?.isSecret != true {
                    throw Failure.usage("\(place): should be one flag; write a line for each")
                }
                do {
                    try setLine(name, given, depth: depth)
                } catch let failure as Failure {
                    throw Failure.usage("\(place): \(failure.message)")
                }
            }
        }

        /// A flag whose value stands with it.
        private mutating func setLine(_ given: String, _ value: String?, depth: Int) throws {
            guard let (name, kind, isNegated) = Self.known(given) else {
                flags.unknown.append(given)
                return
            }
            if kind == .boolean {
                try setBoolean(name, value, isNegated: isNegated)
            } else {
                guard let value else { throw Failure.usage("--\(name): its value is missing; write --name=value") }
                try set(name, kind, value, depth: depth)
            }
        }

        private mutating func takeVariable(_ flag: String, isNeeded: Bool, depth: Int) throws {
            guard ServerFlag(rawValue: flag) != nil || ServerFlag.ofGlog[flag] != nil else {
                throw Failure.usage("--fromenv: \(flag) is no flag that a variable can hold")
            }
            guard let value = environment("FLAGS_\(flag)") else {
                if isNeeded { throw Failure.usage("--fromenv=\(flag): the variable FLAGS_\(flag) is not set") }
                return
            }
            try setLine(flag, value, depth: depth)
        }
    }
}
