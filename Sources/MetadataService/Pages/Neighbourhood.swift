import MetadataAPI
import MetadataStore

/// A picture's graph, and where it was cut: how many hops it goes up or down, where there is more.
struct Neighbourhood: Sendable {
    /// How far a picture goes, in hops; less far where there would be more nodes than one can read.
    private static let hops: Int64 = 20
    private static let maximumNodes = 300
    /// Three hundred steps may have a million events.
    private static let maximumEvents = 20_000

    var graph = MlMetadata_LineageGraph()
    var cutUp: Int64?
    var cutDown: Int64?

    private init(cutUp: Int64? = nil, cutDown: Int64? = nil) { (self.cutUp, self.cutDown) = (cutUp, cutDown) }

    /// - Throws: ``StatusError`` but where there is too much: then it is cut at once.
    init(of start: LineageStart, in store: MetadataStore) async throws {
        do {
            self = try await store.read { transaction in
                let up = try transaction.lineageNodes(
                    start.request(.upstream, hops: Self.hops), upTo: Self.maximumNodes / 2)
                let down = try transaction.lineageNodes(
                    start.request(.downstream, hops: Self.hops), upTo: Self.maximumNodes / 2)
                var result = Neighbourhood(
                    cutUp: up.isComplete ? nil : up.hops, cutDown: down.isComplete ? nil : down.hops)
                result.graph = MlMetadata_LineageGraph(nodesOf: [up.graph, down.graph])
                let ids = result.graph.executions.map(\.id)
                result.graph.addEvents(try transaction.events(ofExecutions: ids, upTo: Self.maximumEvents))
                return result
            }
        } catch let error as StatusError
            where [.resourceExhausted, .deadlineExceeded, .unavailable].contains(error.code)
        {
            self.init(cutUp: 0, cutDown: 0)
        }
    }

    func write(_ picture: LineageSVG, to html: inout HTML) {
        html.raw("<h2>Lineage</h2>")
        for (cut, direction) in [(cutUp, "upstream"), (cutDown, "downstream")] {
            guard let cut else { continue }
            html.raw("<p class=\"sub\">")
            html.text(
                cut == 0
                    ? "There is too much \(direction) for a picture. The links above list the next steps; kfmd lineage prints all."
                    : "Shown up to \(cut) steps \(direction).")
            html.raw("</p>")
        }
        html.raw("<div class=\"scroll\">")
        picture.write(to: &html)
        html.raw("</div>")
    }
}
