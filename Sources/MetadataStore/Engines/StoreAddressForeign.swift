/// Texts that are no path, though nothing but a path could be meant by our own rules.
enum ForeignAddress {
    /// SQLite's word for a database that is no file.
    static let memory = "a store is a file or a server's database; :memory: would be another one for each reader"

    /// Names of libpq's parameters with which people begin a connection string.
    private static let keywords = ["dbname", "host", "hostaddr", "password", "port", "service", "sslmode", "user"]

    /// What is wrong, without any part of the text but its first word.
    static func flaw(_ text: String) -> String? {
        if text == ":memory:" { return memory }
        let lower = text.lowercased()
        // A variable's value keeps the blanks and quotes of the file that it came from.
        if let first = text.first, first.isWhitespace || "\"'`".contains(first), text.contains("://") {
            return "a blank or quote stands before the address; leave it out"
        }
        if lower.hasPrefix("jdbc:") {
            return "jdbc: is Java's; leave it out, and give user and password as in mysql://USER:PASSWORD@HOST/NAME"
        }
        let words = ["postgresql", "postgres", "mysql", "mariadb", "sqlite"]
        if let word = words.first(where: { lower.hasPrefix($0 + ":") }) {
            return "\(word): should have two slashes after it, as in \(word)://"
        }
        if lower.contains("@tcp(") || lower.contains("@unix(") {
            return "this is an address in Go's form; write mysql://USER:PASSWORD@HOST:PORT/NAME"
        }
        let name = lower.prefix { $0 != "=" }
        if name.utf8.count < lower.utf8.count, keywords.contains(name.filter { $0 != " " }) {
            return "\(name.filter { $0 != " " })= begins a connection string of libpq; write "
                + "postgresql://USER:PASSWORD@HOST:PORT/NAME, or ./ before a path"
        }
        if isCredentials(text) {
            return "USER:PASSWORD@HOST needs postgresql:// or mysql:// before it; "
                + "write ./ before a path that has : and @"
        }
        return nil
    }

    /// Whether a colon stands before an @: paths that people name have no such thing, unless they begin as paths.
    private static func isCredentials(_ text: String) -> Bool {
        let isPath = ["/", "./", "../"].contains(where: text.hasPrefix)
        guard let at = text.lastIndex(of: "@"), !isPath || text.contains("://") else { return false }
        return text[..<at].contains(":")
    }
}
