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
    enum Format: Sendable {
        case html, json, csv

        /// The address of a page in this form: `/runs.json?state=FAILED`. That of the front page is of its list.
        func address(of page: String) -> String {
            let suffix =
                switch self {
                case .html: ""
                case .json: ".json"
                case .csv: ".csv"
                }
            let path = page.prefix { $0 != "?" }
            guard !suffix.isEmpty, !path.hasSuffix(suffix) else { return page }
            return (path == "/" ? "/artifacts" : path) + suffix + page.dropFirst(path.count)
        }
    }

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

/// What is on a page: the same as HTML, as JSON and, of a list, as CSV; made when it is asked for.
struct PageAnswer {
    var title: String
    var section: PageFrame.Section?
    var status: HTTPResponse.Status
    /// The pages above it.
    var crumbs: [(title: String, path: String)]
    /// Where the events of its changes are, without the base.
    var live: String?
    /// The next page of a list, without the base and as HTML.
    var next: String?
    let body: (inout HTML) -> Void
    private let makeJSON: () -> JSONValue
    private let makeCSV: () -> CSVTable?

    init(
        title: String, section: PageFrame.Section? = nil, status: HTTPResponse.Status = .ok,
        crumbs: [(title: String, path: String)] = [], live: String? = nil, next: String? = nil,
        json: @autoclosure @escaping () -> JSONValue, csv: @autoclosure @escaping () -> CSVTable? = nil,
        body: @escaping (inout HTML) -> Void
    ) {
        (self.title, self.section, self.status, self.crumbs) = (title, section, status, crumbs)
        (self.live, self.next, makeJSON, makeCSV, self.body) = (live, next, json, csv, body)
    }

    var json: JSONValue { makeJSON() }
    /// `nil` of what is no list.
    var csv: CSVTable? { makeCSV() }
}
