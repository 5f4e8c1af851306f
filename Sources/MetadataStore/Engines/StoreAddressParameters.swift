/// What kfmd takes out of a URL's parameters for itself.
struct StoreParameters {
    /// The file that holds the password.
    var passwordFile: String?
    /// Whether the database is left to others to create.
    var skipsCreation = false
    /// The others, for the client library.
    var rest: [StoreURL.Parameter] = []

    /// Names of those parameters; underscores may stand for their hyphens.
    static let names = ["password-file", "skip-db-creation"]

    /// - Throws: ``StoreAddressError``.
    init(_ parameters: [StoreURL.Parameter]) throws {
        for parameter in parameters {
            switch Self.name(parameter) {
            case "password-file":
                guard !parameter.value.isEmpty else { throw StoreAddressError("password-file: should be a path") }
                passwordFile = parameter.value
            case "skip-db-creation": skipsCreation = try StoreURL.flag(parameter)
            default: rest.append(parameter)
            }
        }
    }

    /// A parameter's name with hyphens.
    static func name(_ parameter: StoreURL.Parameter) -> String {
        String(parameter.name.map { $0 == "_" ? "-" : $0 })
    }

    /// A parameter's name for an error: none that may be part of a password.
    static func shown(_ parameter: StoreURL.Parameter) -> String {
        let name = parameter.name
        let isPlain =
            name.utf8.count <= 40
            && name.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D || $0 == 0x5F }
        return isPlain ? name : "a parameter whose name is no word"
    }

    /// The password: of the URL, of the file, of an environment variable.
    /// - Parameters:
    ///   - given: the URL's own; it may be empty, which is a password too.
    ///   - variables: in their order; one that is empty is not set.
    /// - Returns: `nil` when there is none in all of them.
    /// - Throws: ``StoreAddressError`` that names the file or variable.
    func password(
        _ given: String?, variables: [String], environment: (String) -> String?,
        readFile: (String) throws -> String
    ) throws -> String? {
        if let given { return given }
        if let path = passwordFile {
            let content: String
            do {
                content = try readFile(path)
            } catch {
                throw StoreAddressError("password-file \(path): \(error)")
            }
            guard !content.utf8.contains(0) else {
                throw StoreAddressError("password-file \(path): has a NUL character")
            }
            return Self.withoutLastLineBreak(content)
        }
        for variable in variables {
            guard let value = environment(variable), !value.isEmpty else { continue }
            guard !value.utf8.contains(0) else { throw StoreAddressError("\(variable): has a NUL character") }
            return value
        }
        return nil
    }

    private static func withoutLastLineBreak(_ text: String) -> String {
        var scalars = text.unicodeScalars
        if scalars.last == "\n" {
            scalars.removeLast()
            if scalars.last == "\r" { scalars.removeLast() }
        }
        return String(scalars)
    }
}
