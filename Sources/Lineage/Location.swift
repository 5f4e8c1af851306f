/// Where something is, however it is written.
///
/// The spelling that was written is kept for showing; what is the same place has one ``key(of:)``.
public enum Location {
    /// Schemes that Hadoop's and Kubeflow's clients use for one store. `s3n` and `s3a` are Hadoop's names of S3
    /// (hadoop-aws 2.7 and 3.x), `minio` that of Kubeflow Pipelines v1, `gcs` that of some Python libraries.
    private static let s3: Set<String> = ["s3", "s3a", "s3n", "minio"]
    private static let gcs: Set<String> = ["gs", "gcs"]
    /// Azure Blob Storage: `container@account.dfs.core.windows.net` (hadoop-azure 3.x).
    private static let azure: Set<String> = ["abfs", "abfss", "wasb", "wasbs"]
    /// Where doubled slashes mean nothing. In an object store they are another key.
    private static let files: Set<String> = ["file", "pvc", "hdfs", "viewfs", "nfs", "dbfs"]
    private static let ports = [
        "http": "80", "https": "443", "ftp": "21", "ssh": "22", "git+https": "443", "git+http": "80",
    ]
    /// Whose authority is a host, in which case does not count.
    private static let hosted: Set<String> = [
        "http", "https", "ftp", "ssh", "git+https", "git+http", "git+ssh", "hdfs", "oci", "docker", "nfs", "abfs",
        "abfss",
        "wasb", "wasbs",
    ]
    /// Whose user may be a token by itself. Of others only what has a password is cut: `hf://model@revision`.
    private static let credentials: Set<String> = [
        "http", "https", "git+http", "git+https", "s3", "s3a", "s3n", "minio", "ftp",
    ]

    /// A uri in parts.
    private struct Parts {
        var scheme: String
        var authority: String
        /// With the slash that it begins with.
        var path: String
        /// With its mark.
        var query: String
        var fragment: String

        init?(_ uri: String) {
            guard let mark = uri.firstRange(ofBytes: "://") else { return nil }
            let written = uri[..<mark.lowerBound]
            guard !written.isEmpty, written.utf8.count <= 32,
                written.utf8.allSatisfy({ byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                        true
                    default: false
                    }
                })
            else { return nil }
            scheme = written.lowercased()
            var rest = uri[mark.upperBound...]
            func take(from character: Character) -> String {
                guard let index = rest.firstIndex(of: character) else { return "" }
                defer { rest = rest[..<index] }
                return String(rest[index...])
            }
            // In the key of an object store, these are characters as others.
            let isKey = Location.s3.contains(scheme) || Location.gcs.contains(scheme)
            fragment = isKey ? "" : take(from: "#")
            query = isKey && !Secrets.areIn(query: rest) ? "" : take(from: "?")
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            authority = String(rest[..<slash])
            path = String(rest[slash...])
        }

        var text: String { "\(scheme)://\(authority)\(path)\(query)\(fragment)" }
    }

    /// The uri as it is kept: without credentials, and with the parts that are the same for all written one way.
    public static func tidy(_ uri: String) -> String {
        if isPlain(uri) { return uri }
        guard var parts = Parts(uri) else {
            return uri.hasPrefix("file:/") ? tidy("file://" + uri.dropFirst(5)) : Secrets.cut(from: uri)
        }
        // Most are as they should be.
        if s3.contains(parts.scheme) || gcs.contains(parts.scheme), uri.hasPrefix(parts.scheme), parts.query.isEmpty,
            !parts.authority.utf8.contains(where: { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: ":") })
        {
            return uri
        }
        // Secret keys of S3 may have a slash.
        if s3.contains(parts.scheme), !parts.authority.contains("@"), hasKey(parts.authority),
            let at = parts.path.firstIndex(of: "@")
        {
            let rest = parts.path[parts.path.index(after: at)...]
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            (parts.authority, parts.path) = (String(rest[..<slash]), String(rest[slash...]))
        }
        if let at = parts.authority.lastIndex(of: "@") {
            let user = parts.authority[..<at]
            if azure.contains(parts.scheme) {
                // A container, which has no password.
                parts.authority = "\(user.prefix { $0 != ":" })\(parts.authority[at...])"
            } else if user.contains(":") || credentials.contains(parts.scheme) {
                parts.authority = String(parts.authority[parts.authority.index(after: at)...])
            }
        }
        parts.query = Secrets.cut(query: parts.query)
        parts.fragment = Secrets.cut(query: parts.fragment)
        if hosted.contains(parts.scheme) { parts.authority = parts.authority.lowercased() }
        if let port = ports[parts.scheme], parts.authority.hasSuffix(":" + port) {
            parts.authority.removeLast(port.utf8.count + 1)
        }
        if parts.scheme == "file", parts.authority == "localhost" { parts.authority = "" }
        if files.contains(parts.scheme) {
            parts.path = String(
                decoding: parts.path.utf8.reduce(into: [UInt8]()) { bytes, byte in
                    if byte != UInt8(ascii: "/") || bytes.last != byte { bytes.append(byte) }
                }, as: UTF8.self)
        }
        return provider(parts) ?? parts.text
    }

    /// The addresses at which the large providers serve objects over HTTP, as locations of their stores.
    private static func provider(_ parts: Parts) -> String? {
        guard parts.scheme == "https" || parts.scheme == "http", parts.query.isEmpty, parts.fragment.isEmpty
        else { return nil }
        let path = String(parts.path.drop { $0 == "/" })
        if path.contains("%") { return nil }
        for suffix in [".amazonaws.com", ".amazonaws.com.cn"] where parts.authority.hasSuffix(suffix) {
            // bucket.s3.region.amazonaws.com, s3.region.amazonaws.com/bucket; s3-region in old ones. Buckets have dots too.
            let labels = parts.authority.dropLast(suffix.count).split(separator: ".")
            guard let mark = labels.indices.last(where: { isService(labels[$0], last: $0 == labels.count - 1) }),
                labels.count - mark <= 3
            else { return nil }
            if mark == 0 { return path.isEmpty ? nil : "s3://\(path)" }
            return "s3://\(labels[..<mark].joined(separator: "."))/\(path)"
        }
        if parts.authority == "storage.googleapis.com" || parts.authority == "storage.cloud.google.com" {
            return path.isEmpty ? nil : "gs://\(path)"
        }
        if parts.authority.hasSuffix(".storage.googleapis.com") {
            return "gs://\(parts.authority.dropLast(".storage.googleapis.com".count))/\(path)"
        }
        return nil
    }

    /// Whether an authority begins with an access key and its secret, and is no host with a port.
    private static func hasKey(_ authority: String) -> Bool {
        guard let colon = authority.firstIndex(of: ":") else { return false }
        let user = authority[..<colon]
        return !user.contains(".") && !authority[authority.index(after: colon)...].allSatisfy(\.isNumber)
    }

    /// `s3`, or `s3-us-west-2` as the last label of an old endpoint.
    private static func isService(_ label: Substring, last: Bool) -> Bool {
        label == "s3" || last && label.hasPrefix("s3-")
    }

    /// What is the same for all spellings of one place.
    public static func key(of uri: String) -> String {
        if isPlain(uri) { return withoutSlash(uri) }
        let tidied = tidy(uri)
        guard var parts = Parts(tidied) else { return withoutSlash(tidied) }
        if s3.contains(parts.scheme) { parts.scheme = "s3" }
        if gcs.contains(parts.scheme) { parts.scheme = "gs" }
        if azure.contains(parts.scheme) {
            parts.scheme = "abfss"
            for kind in [".blob.", ".dfs."] {
                if let range = parts.authority.firstRange(of: kind) {
                    parts.authority.replaceSubrange(range, with: ".dfs.")
                }
            }
        }
        if parts.query.isEmpty, parts.fragment.isEmpty { parts.path = withoutSlash(parts.path) }
        return parts.text
    }

    /// Whether a uri is of an object store as most are written: nothing of it has to be looked at.
    private static func isPlain(_ uri: String) -> Bool {
        let bytes = uri.utf8
        guard bytes.starts(with: "s3://".utf8) || bytes.starts(with: "gs://".utf8) else { return false }
        return !bytes.dropFirst(5).contains { byte in
            byte == UInt8(ascii: "@") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: ":")
                || byte == UInt8(ascii: "#")
        }
    }

    private static func withoutSlash(_ path: String) -> String {
        path.utf8.last == UInt8(ascii: "/") ? String(path.dropLast()) : path
    }

    /// The spellings under which a store may have a place: itself, with and without a slash at the end, under each
    /// name of its scheme.
    public static func spellings(of uri: String) -> [String] {
        let key = key(of: uri)
        var result = [uri]
        func add(_ spelling: String) { if !result.contains(spelling) { result.append(spelling) } }
        guard let parts = Parts(key) else {
            for text in [withoutSlash(uri), withoutSlash(uri) + "/"] { add(text) }
            return result
        }
        var others: [Parts] = [parts]
        func with(_ scheme: String, _ authority: String? = nil) -> Parts {
            var other = parts
            other.scheme = scheme
            if let authority { other.authority = authority }
            return other
        }
        switch parts.scheme {
        case "s3": others = s3.sorted().map { with($0) }
        case "gs": others = gcs.sorted().map { with($0) }
        case "abfss":
            let blob = parts.authority.firstRange(ofBytes: ".dfs.").map { range in
                var text = parts.authority
                text.replaceSubrange(range, with: ".blob.")
                return text
            }
            others = ["abfss", "abfs", "wasb", "wasbs"].flatMap { [with($0), with($0, blob)] }
        default: break
        }
        for other in others {
            add(other.text)
            if other.query.isEmpty, other.fragment.isEmpty, !other.path.hasSuffix("/") { add(other.text + "/") }
        }
        return result
    }

    /// How far up folders are looked for.
    public static let maximumFolders = 2

    /// The folders that a place is in, the nearest first, as far up as a bucket.
    public static func folders(of uri: String, upTo limit: Int) -> [String] {
        guard var parts = Parts(key(of: uri)), parts.query.isEmpty, parts.fragment.isEmpty else { return [] }
        var result: [String] = []
        while result.count < limit, let slash = parts.path.lastIndex(of: "/"), slash > parts.path.startIndex {
            parts.path = String(parts.path[..<slash])
            result.append(parts.text)
        }
        return result
    }

    /// Whether one place is below another.
    public static func isBelow(_ uri: String, _ folder: String) -> Bool {
        key(of: uri).hasPrefix(key(of: folder) + "/")
    }

    /// Within what a uri means one place: what is on a claim or a disk is of its namespace, what an S3 endpoint within
    /// a cluster has, of that. `nil` for what is the same everywhere, or where nobody says.
    /// - Parameters:
    ///   - endpoint: where the store is, as its client was told: `minio.kubeflow:9000`.
    public static func scope(of uri: String, endpoint: String?, cluster: String, namespace: String) -> String? {
        guard let parts = Parts(uri) else { return nil }
        switch parts.scheme {
        case "pvc", "file", "hostpath", "local": return "\(cluster)/\(namespace)"
        default: break
        }
        guard s3.contains(parts.scheme), var host = endpoint, !host.isEmpty else { return nil }
        if let mark = host.firstRange(ofBytes: "://") { host = String(host[mark.upperBound...]) }
        host = host.prefix { $0 != "/" }.lowercased()
        if host.hasSuffix("amazonaws.com") { return nil }
        for port in [":80", ":443"] where host.hasSuffix(port) { host.removeLast(port.utf8.count) }
        // An address is of no cluster.
        if host.hasPrefix("[") { return host }
        let colon = host.firstIndex(of: ":") ?? host.endIndex
        var (name, port) = (String(host[..<colon]), String(host[colon...]))
        for suffix in [".cluster.local", ".svc"] where name.hasSuffix(suffix) { name.removeLast(suffix.utf8.count) }
        let labels = name.split(separator: ".")
        // Names with one or two labels are Services of the cluster.
        guard labels.count <= 2 else { return host }
        if labels.count == 1 { name += ".\(namespace)" }
        if port == ":9000" { port = "" }
        return "\(cluster)/\(name)\(port)"
    }
}
