import HTTPTypes
import Hummingbird
import MetadataStore
import NIOCore

/// The web pages. To add one: a file with a ``Page``, and a line in ``all``.
struct Pages: Sendable {
    let store: MetadataStore
    var search: SearchIndex?
    var frameAncestors = "'self'"

    static let all: [any Page] = [
        ArtifactList(), ExecutionList(), RunList(), WorkspaceList(), TypeList(), ServingPage(), SearchPage(),
        ArtifactPage(), ExecutionPage(), RunPage(), LineagePage(), LineageTablePage(way: .impact),
        LineageTablePage(way: .provenance), ComparePage(), MetricsPage(),
    ]

    func add(to router: Router<BasicRequestContext>) {
        let pages = PageRouter(store: store, search: search, frameAncestors: frameAncestors)
        for page in Self.all { pages.add(page, to: router) }
        StaticFiles.add(to: router)
        LiveUpdates(store: store).add(to: router)
    }
}
