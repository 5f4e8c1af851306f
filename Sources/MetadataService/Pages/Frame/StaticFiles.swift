import HTTPTypes
import Hummingbird
import NIOCore

/// The style and the script of the pages, as files of this binary. Their address has a hash of them all, so that
/// browsers keep them for ever, and a new version is another address.
enum StaticFiles {
    static let files: [(name: String, bytes: [UInt8])] = [
        ("pages.css", PackageResources.pages_css), ("pages.js", PackageResources.pages_js),
        ("canvas.js", PackageResources.canvas_js), ("combobox.js", PackageResources.combobox_js),
        ("compare.js", PackageResources.compare_js), ("filter.js", PackageResources.filter_js),
        ("copy.js", PackageResources.copy_js), ("dashboard.js", PackageResources.dashboard_js),
        ("explorer.js", PackageResources.explorer_js), ("live.js", PackageResources.live_js),
        ("say.js", PackageResources.say_js), ("search.js", PackageResources.search_js),
        ("swap.js", PackageResources.swap_js), ("times.js", PackageResources.times_js),
    ]

    /// The folder of this version.
    static let folder: String = {
        var fingerprint = Fingerprint([])
        for file in files { fingerprint.add(file.bytes) }
        return "/static/" + fingerprint.text
    }()

    private static func type(of name: String) -> String {
        name.hasSuffix(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8"
    }

    static func add(to router: Router<BasicRequestContext>) {
        for file in files {
            let body = ByteBuffer(bytes: file.bytes)
            router.get(RouterPath("\(folder)/\(file.name)")) { request, _ in
                var headers: HTTPFields = [
                    .contentType: type(of: file.name), .cacheControl: "public, max-age=31536000, immutable",
                    .xContentTypeOptions: "nosniff",
                ]
                // A browser asks once for each version.
                let sent = ContentCoding.pack(body, for: request.headers, &headers)
                return Response(status: .ok, headers: headers, body: .init(byteBuffer: sent))
            }
        }
    }
}
