import HTTPTypes
import MetadataAPI
import MetadataStore

/// A page of a list, or why there is none.
struct ListAnswer<Node: Sendable>: Sendable {
    private static var size: Int32 { 50 }
    /// Of types to choose from: anybody makes more of them. Others are asked for by the filter.
    private static var maximumTypes: Int { 300 }

    var nodes: [Node] = []
    /// The types that nodes of the list may have.
    var types: [String] = []
    var next = ""
    var status = HTTPResponse.Status.ok
    /// What is wrong with the list that was asked for.
    var problem: String?

    /// Reads a page; a smaller one where a whole one is more than one answer takes.
    static func read(
        _ list: NodeList, of kind: NodeKind, in store: MetadataStore, always condition: String? = nil,
        _ body: @escaping @Sendable (Transaction, MlMetadata_ListOperationOptions) throws -> ([Node], String)
    ) async -> ListAnswer {
        if let misread = list.misread { return ListAnswer(status: .badRequest, problem: misread) }
        var options = list.options(size: Self.size, always: condition)
        while true {
            do {
                return try await store.read { [options] transaction in
                    let (nodes, next) = try body(transaction, options)
                    let types = try transaction.typeNames(of: kind, upTo: Self.maximumTypes)
                    return ListAnswer(nodes: nodes, types: types, next: next)
                }
            } catch let error as StatusError where error.code == .resourceExhausted && options.maxResultSize > 1 {
                options.maxResultSize = max(1, options.maxResultSize / 7)
            } catch let error as StatusError where error.code == .invalidArgument && error.message.contains("token") {
                return ListAnswer(status: .notFound, problem: "There is no such page of the list.")
            } catch let error as StatusError where error.code == .invalidArgument {
                return ListAnswer(status: .badRequest, problem: list.problem(error.message, always: condition))
            } catch let error as StatusError where [.deadlineExceeded, .unavailable].contains(error.code) {
                return ListAnswer(
                    status: .serviceUnavailable,
                    problem: "The list takes too long to make. Ask for less: a type, or a filter by name, uri or run.")
            } catch {
                return ListAnswer(status: .internalServerError, problem: "The store could not be read: \(error)")
            }
        }
    }

    func write(
        _ list: NodeList, empty: StaticString, columns: [StaticString], _ html: inout HTML,
        row: (Node, inout HTML) -> Void
    ) {
        if let problem {
            html.raw("<p class=\"problem\" role=\"alert\">")
            html.text(problem, upTo: PageFrame.shownValue)
            html.raw("</p>")
        } else if nodes.isEmpty {
            html.raw("<p>")
            if list.isFiltered { html.raw("Nothing here is as asked for.") } else { html.raw(empty) }
            html.raw("</p>")
        } else {
            PageFrame.columns(columns, &html)
            for node in nodes { row(node, &html) }
            html.raw("</tbody></table></div>")
        }
        list.pager(next: next, &html)
    }
}
