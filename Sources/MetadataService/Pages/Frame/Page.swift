import Hummingbird
import JSON
import Logging
import MetadataStore

/// A page of the site: one file each, listed in ``Pages/all``.
protocol Page: Sendable {
    /// Its addresses, with `{id}` where a node's number stands. A list answers as `.json` and `.csv` too, a node as
    /// `.json`.
    var paths: [String] { get }

    /// What is on the page.
    /// - Throws: ``PageProblem`` where there is no such page; ``StatusError``.
    func answer(_ request: PageRequest) async throws -> PageAnswer
}

/// Why there is no page as it was asked for.
struct PageProblem: Error {
    var status: HTTPResponse.Status
    var text: String

    static func notFound(_ text: String) -> PageProblem { PageProblem(status: .notFound, text: text) }
    static func misread(_ text: String) -> PageProblem { PageProblem(status: .badRequest, text: text) }
}

/// What is asked of a page.
struct PageRequest: Sendable {
    /// In which form it is answered.
    enum Format: Sendable { case html, json, csv }

    var store: MetadataStore
    var search: SearchIndex?
    var query: FormQuery
    var format = Format.html
    /// The number in the address.
    var id: Int64?
    /// What the reader may see.
    var visibility = Visibility.all

    /// Reads what is shown; what programs get is whole.
    /// - Throws: ``StatusError``.
    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws -> Result {
        let isShown = format == .html
        return try await store.read { try body(isShown ? $0.shortened : $0) }
    }

    /// The number in the address.
    /// - Throws: ``PageProblem``.
    func node(_ word: String) throws -> Int64 {
        guard let id else { throw PageProblem.notFound("The number of the \(word) is missing, or is none.") }
        return id
    }
}

/// What is on a page: the same as HTML, as JSON and, of a list, as CSV.
struct PageAnswer {
    var title: String
    var section: PageFrame.Section?
    var status = HTTPResponse.Status.ok
    /// The pages above it.
    var crumbs: [(title: String, path: String)] = []
    /// Where the events of its changes are, without the base.
    var live: String?
    /// The next page of a list, without the base.
    var next: String?
    var json: JSONValue = .null
    var csv: CSVTable?
    var body: (inout HTML) -> Void = { _ in }
}
