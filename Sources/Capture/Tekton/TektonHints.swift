import JSON
import Lineage

/// Artifacts that names of Tekton results tell, as Tekton Chains reads them (chains 0.5 to HEAD of 2026:
/// pkg/artifacts/structured.go, signable.go): `*ARTIFACT_OUTPUTS`, `*IMAGE_URL` with `*IMAGE_DIGEST`, ….
struct TektonHints {
    /// A result: its name, its value, where it stands.
    struct Entry {
        var name: String
        var value: JSONValue
        var field: String
    }

    /// A found artifact.
    struct Found {
        var name: String
        var artifact: Artifact
        var field: String
        var isInput: Bool
    }

    static let artifactType = "tekton.Artifact"

    private(set) var found: [Found] = []
    private var known: Set<[String?]> = []
    /// What looks like a hint and is none: the field, and why.
    private(set) var problems: [(field: String, reason: String)] = []
    /// Results that are no hints.
    private(set) var others: [Entry] = []

    /// - Parameter acceptsText: whether object results may be JSON text: a CustomRun's are always text.
    init(_ entries: [Entry], acceptsText: Bool = false) {
        var used = Set<Int>()
        let byName = Dictionary(entries.enumerated().map { ($1.name, $0) }) { $1 }
        func partner(_ prefix: Substring, _ suffix: String) -> Entry? {
            byName[prefix + suffix].map { index in
                used.insert(index)
                return entries[index]
            }
        }
        for (index, entry) in entries.enumerated() {
            let name = entry.name[...]
            if let prefix = Self.prefix(name, "ARTIFACT_INPUTS") ?? Self.prefix(name, "ARTIFACT_OUTPUTS") {
                used.insert(index)
                addObject(entry, prefix, isInput: name.hasSuffix("ARTIFACT_INPUTS"), acceptsText)
            } else if let prefix = Self.prefix(name, "ARTIFACT_URI") {
                used.insert(index)
                addPair(entry, partner(prefix, "ARTIFACT_DIGEST"), prefix, "artifact", isImage: false)
            } else if let prefix = Self.prefix(name, "IMAGE_URL") {
                used.insert(index)
                addPair(entry, partner(prefix, "IMAGE_DIGEST"), prefix, "image", isImage: true)
            } else if name == "IMAGES", let text = entry.value.string {
                used.insert(index)
                addImages(text, entry.field)
            }
        }
        // A digest without a uri says nothing.
        for (index, entry) in entries.enumerated() where !used.contains(index) {
            if entry.name.hasSuffix("ARTIFACT_DIGEST") || entry.name.hasSuffix("IMAGE_DIGEST") {
                problems.append((entry.field, "a digest without a uri"))
            } else if entry.name != "CHAINS-GIT_URL", entry.name != "CHAINS-GIT_COMMIT" {
                others.append(entry)
            }
        }
    }

    private static func prefix(_ name: Substring, _ suffix: String) -> Substring? {
        name.hasSuffix(suffix) ? name.dropLast(suffix.count) : nil
    }

    private static func trimmed(_ text: String?) -> String {
        let text = (text ?? "").drop { $0.isWhitespace }
        return String(text.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// `train-` names `train`.
    private static func use(_ prefix: Substring, _ fallback: String) -> String {
        var name = prefix
        while let last = name.last, last == "-" || last == "_" || last == "." { name.removeLast() }
        return name.isEmpty ? fallback : String(name)
    }

    private mutating func addObject(_ entry: Entry, _ prefix: Substring, isInput: Bool, _ acceptsText: Bool) {
        var value = entry.value
        if let text = value.string {
            guard let parsed = try? JSONValue(parsing: text), parsed.object != nil else {
                problems.append((entry.field, "text where an object with uri and digest should be"))
                return
            }
            value = parsed
            if !acceptsText { problems.append((entry.field, "text, no object: Tekton Chains leaves it out")) }
        }
        guard let object = value.object else {
            problems.append((entry.field, "\(value.kindName) where an object with uri and digest should be"))
            return
        }
        let uri = Self.trimmed(object["uri"]?.string)
        guard !uri.isEmpty else {
            problems.append((entry.field, "has no uri"))
            return
        }
        var artifact = Self.artifact(uri, digest: Self.trimmed(object["digest"]?.string), entry.field, &problems)
        for member in object where member.key != "uri" && member.key != "digest" {
            artifact.customProperties[member.key] = member.value.scalarText.map { .string($0) }
        }
        add(Self.use(prefix, isInput ? "input" : "output"), artifact, entry.field, isInput: isInput)
    }

    private mutating func addPair(
        _ uri: Entry, _ digest: Entry?, _ prefix: Substring, _ fallback: String, isImage: Bool
    ) {
        if uri.value.array != nil || uri.value.object != nil {
            problems.append((uri.field, "\(uri.value.kindName) where text should be"))
        }
        let text = Self.trimmed(uri.value.string)
        guard !text.isEmpty else { return }
        var artifact = Self.artifact(text, digest: Self.trimmed(digest?.value.string), uri.field, &problems)
        if isImage { artifact.customProperties["kind"] = "image" }
        add(Self.use(prefix, fallback), artifact, uri.field, isInput: false)
    }

    /// `repository@sha256:…`, separated by commas or lines.
    private mutating func addImages(_ text: String, _ field: String) {
        let images = text.split { $0 == "," || $0.isNewline }.map { Self.trimmed(String($0)) }.filter { !$0.isEmpty }
        for (index, image) in images.enumerated() {
            guard let at = image.lastIndex(of: "@") else {
                problems.append((field, "\(image): has no digest"))
                continue
            }
            var artifact = Self.artifact(
                String(image[..<at]), digest: String(image[image.index(after: at)...]), field, &problems)
            artifact.customProperties["kind"] = "image"
            add("IMAGES[\(index)]", artifact, field, isInput: false)
        }
    }

    /// Each artifact once; the first name counts.
    mutating func add(_ name: String, _ artifact: Artifact, _ field: String, isInput: Bool) {
        let isNew = known.insert([isInput ? "i" : "o", artifact.uri, artifact.digest]).inserted
        if isNew { found.append(Found(name: name, artifact: artifact, field: field, isInput: isInput)) }
    }

    // MARK: Artifacts

    private static let digestLengths = ["sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128]

    /// An artifact by uri and digest. A tag is no part of an image's uri where the digest is known.
    static func artifact(
        _ uri: String, digest: String, _ field: String, _ problems: inout [(field: String, reason: String)]
    ) -> Artifact {
        var artifact = Artifact(type: artifactType, uri: uri)
        let parts = digest.split(separator: ":", omittingEmptySubsequences: false)
        if digest.isEmpty {
            problems.append((field, "\(uri): has no digest"))
            return artifact
        }
        let algorithm = parts.first.map { $0.lowercased() } ?? ""
        let isHex = parts.last?.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } ?? false
        guard parts.count == 2, let length = digestLengths[algorithm], parts[1].utf8.count == length, isHex else {
            problems.append((field, "\(digest): no digest; should be sha256:… in lower case"))
            return artifact
        }
        artifact.digest = "\(algorithm):\(parts[1])"
        if !uri.hasPrefix("pkg:"), !uri.contains("://"), let slash = uri.lastIndex(of: "/"),
            let colon = uri[slash...].lastIndex(of: ":")
        {
            artifact.uri = String(uri[..<colon])
            artifact.customProperties["tag"] = .string(String(uri[uri.index(after: colon)...]))
        }
        return artifact
    }

    /// The source code: `CHAINS-GIT_URL` and `CHAINS-GIT_COMMIT`, of defaults, parameters or results.
    mutating func addGit(_ entries: [Entry]) {
        func last(_ name: String) -> (String, String)? {
            // One that is empty outweighs the default too.
            guard let entry = entries.last(where: { $0.name == name }) else { return nil }
            let text = Self.trimmed(entry.value.string)
            return text.isEmpty ? nil : (text, entry.field)
        }
        guard let (url, field) = last("CHAINS-GIT_URL"), let (commit, _) = last("CHAINS-GIT_COMMIT") else { return }
        var uri = url.hasPrefix("git+") ? url : "git+\(url)"
        if !uri.hasSuffix(".git") { uri += ".git" }
        var artifact = Artifact(type: Self.artifactType, uri: uri)
        artifact.customProperties["kind"] = "git"
        let isHex = commit.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        switch commit.utf8.count {
        case 40 where isHex: artifact.digest = "sha1:\(commit)"
        case 64 where isHex: artifact.digest = "sha256:\(commit)"
        default: artifact.version = commit
        }
        add("git", artifact, field, isInput: true)
    }

    /// `status.artifacts` of a TaskRun, and `inputs` and `outputs` of its steps: named values with maps of
    /// digests (pipeline 0.58 and later).
    mutating func addValues(_ list: JSONValue?, _ field: String, isInput: Bool) {
        guard let list, !list.isNull else { return }
        guard let elements = list.array else {
            problems.append((field, "\(list.kindName) where a list should be"))
            return
        }
        // The order changes from update to update.
        let sorted = elements.enumerated().sorted {
            ($0.element["name"]?.string ?? "", $0.offset) < ($1.element["name"]?.string ?? "", $1.offset)
        }
        for (index, element) in sorted {
            for (number, value) in (element["values"]?.array ?? []).enumerated() {
                let place = "\(field)[\(index)].values[\(number)]"
                guard let uri = value["uri"]?.string, !uri.isEmpty else {
                    problems.append((place, "has no uri"))
                    continue
                }
                let digests = value["digest"]?.object?.strings ?? [:]
                let algorithm =
                    ["sha256", "sha512", "sha384", "sha1"].first { digests[$0] != nil } ?? digests.keys.min()
                let digest = algorithm.flatMap { name in digests[name].map { "\(name):\($0)" } } ?? ""
                var artifact = Self.artifact(uri, digest: digest, place, &problems)
                for (name, hex) in digests where name != algorithm {
                    artifact.customProperties["digest.\(name)"] = .string(hex)
                }
                if let isBuild = element["buildOutput"]?.bool {
                    artifact.customProperties["buildOutput"] = .bool(isBuild)
                }
                let name = element["name"]?.string ?? uri
                add(number == 0 ? name : "\(name)[\(number)]", artifact, place, isInput: isInput)
            }
        }
    }
}
