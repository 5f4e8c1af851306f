import HTTPTypes
import Hummingbird
import MetadataStore
import NIOCore

/// The web pages, a file each: the artifacts, the executions, the runs, the workspaces, and the lineage of each. Plain HTML and CSS.
struct Pages: Sendable {
    let store: MetadataStore

    func add(to router: Router<BasicRequestContext>) {
        ArtifactPages(store: store).add(to: router)
        ExecutionPages(store: store).add(to: router)
        RunPages(store: store).add(to: router)
        WorkspacePages(store: store).add(to: router)
        for path in ["/healthz", "/readyz"] {
            router.get(RouterPath(path)) { _, _ in
                do {
                    try store.checkHealth()
                } catch {
                    return Self.plain("\(error)\n", .serviceUnavailable)
                }
                return Self.plain("ok\n")
            }
        }
    }

    private static func plain(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
