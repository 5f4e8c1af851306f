import Hummingbird
import NIOCore

/// The style and the script of the pages, as files of this binary. Their address has a hash of them all, so that
/// browsers keep them for ever, and a new version is another address.
enum StaticFiles {
    static let files: [(name: String, type: String, bytes: [UInt8])] = [
        ("pages.css", "text/css; charset=utf-8", PackageResources.pages_css),
        ("pages.js", "text/javascript; charset=utf-8", PackageResources.pages_js),
        ("canvas.js", "text/javascript; charset=utf-8", PackageResources.canvas_js),
        ("compare.js", "text/javascript; charset=utf-8", PackageResources.compare_js),
        ("copy.js", "text/javascript; charset=utf-8", PackageResources.copy_js),
        ("dashboard.js", "text/javascript; charset=utf-8", PackageResources.dashboard_js),
        ("explorer.js", "text/javascript; charset=utf-8", PackageResources.explorer_js),
        ("live.js", "text/javascript; charset=utf-8", PackageResources.live_js),
        ("say.js", "text/javascript; charset=utf-8", PackageResources.say_js),
        ("search.js", "text/javascript; charset=utf-8", PackageResources.search_js),
        ("swap.js", "text/javascript; charset=utf-8", PackageResources.swap_js),
        ("times.js", "text/javascript; charset=utf-8", PackageResources.times_js),
    ]

    /// The folder of this version.
    static let folder: String = {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for file in files {
            for byte in file.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return "/static/" + String(hash, radix: 16)
    }()

    static func add(to router: Router<BasicRequestContext>) {
        for file in files {
            let body = ByteBuffer(bytes: file.bytes)
            router.get(RouterPath("\(folder)/\(file.name)")) { _, _ in
                Response(
                    status: .ok,
                    headers: [
                        .contentType: file.type, .cacheControl: "public, max-age=31536000, immutable",
                        .xContentTypeOptions: "nosniff",
                    ], body: .init(byteBuffer: body))
            }
        }
    }
}
