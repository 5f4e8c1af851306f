import FoundationEssentials
public import JSON
public import Kubernetes

/// The objects of a cluster and how they change, kept as etcd and the watch cache keep them.
///
/// It answers as kube-apiserver 1.36 does: versions grow with each change of anything, pages are
/// of one version, a watch begins at any version that is not compacted.
public actor ReplayCluster {
    /// A change of an object.
    struct Change: Sendable {
        var version: Int
        var type: String
        var resource: Resource
        var object: JSONValue
        /// The state before, for selectors that an object leaves.
        var previous: JSONValue?
    }

    /// One subscriber's lines.
    private struct Watch {
        var resource: Resource
        var namespace: String?
        var selector: Selector
        /// What is not newer is not told.
        var from = 0
        var lines: AsyncStream<WatchItem>.Continuation
    }

    /// What a watch says next.
    enum WatchItem: Sendable {
        case line([UInt8])
        case bookmark
        case end
    }

    /// Kinds that the server knows.
    private var resources: Set<Resource>
    private var objects: [Resource: [String: JSONValue]] = [:]
    /// Objects as JSON, by key, for the version that they had.
    private var encoded: [Resource: [String: (version: String, bytes: [UInt8])]] = [:]
    /// What clients patched, by object.
    private var patches: [Resource: [String: JSONValue]] = [:]
    private var version = 300
    private var changes: [Change] = []
    /// Changes up to here are forgotten.
    private var compacted = 0
    /// Lists that are being paged through, by version.
    private var snapshots: [Int: [Resource: [String: JSONValue]]] = [:]
    private var watches: [Int: Watch] = [:]
    private var nextWatch = 0
    private var faults: [Fault] = []
    /// Until when everybody is refused who is not the server itself: its roles are not loaded yet.
    private var rolesLoaded = ContinuousClock.now
    /// Resources that nobody may read, by plural.
    private var forbidden: Set<String> = []
    private var isTokenVoid = false
    /// How often each kind of request was made: what tests count.
    public private(set) var requests: [String: Int] = [:]

    public init(
        resources: [Resource] = [.pods, .workflows, .namespaces, .events, .configMaps, .leases],
        uid: String = "28df0fa7-fbdf-4279-b326-78e1328da882"
    ) {
        self.resources = Set(resources)
        objects[.namespaces] = [
            "/kube-system": [
                "kind": "Namespace", "apiVersion": "v1",
                "metadata": ["name": "kube-system", "uid": .string(uid), "resourceVersion": "4"],
            ]
        ]
    }

    // MARK: What happens in the cluster

    private static func key(_ object: JSONValue) -> String {
        let metadata = object["metadata"]
        return "\(metadata?["namespace"]?.string ?? "")/\(metadata?["name"]?.string ?? "")"
    }

    /// Applies an event of a recorded cluster: `ADDED`, `MODIFIED` or `DELETED` with the object.
    public func apply(_ type: String, _ object: JSONValue) {
        guard let resource = resources.first(where: { $0.kind == object["kind"]?.string }) else { return }
        // What clients wrote on the object stays, though the recording does not know of it.
        let patch = patches[resource]?[Self.key(object)]
        store(type, patch.map { object.merging(patch: $0) } ?? object, resource)
    }

    @discardableResult
    private func store(_ type: String, _ object: JSONValue, _ resource: Resource) -> JSONValue {
        version += 1
        let key = Self.key(object)
        let previous = objects[resource]?[key]
        let stamped = Self.stamp(object, version)
        if type == "DELETED" {
            objects[resource]?.removeValue(forKey: key)
            encoded[resource]?.removeValue(forKey: key)
        } else {
            objects[resource, default: [:]][key] = stamped
        }
        let change = Change(
            version: version, type: type == "DELETED" ? type : previous == nil ? "ADDED" : "MODIFIED",
            resource: resource, object: stamped, previous: previous)
        changes.append(change)
        for watch in watches.values where version > watch.from {
            if let line = Self.line(change, watch) { watch.lines.yield(.line(line)) }
        }
        return stamped
    }

    private static func stamp(_ object: JSONValue, _ version: Int) -> JSONValue {
        guard var result = object.object, var metadata = result["metadata"]?.object else { return object }
        metadata["resourceVersion"] = .string(String(version))
        result["metadata"] = .object(metadata)
        return .object(result)
    }

    /// Loads an object with the version that it has.
    public func load(_ object: JSONValue, resource: Resource) {
        var members = object.object ?? JSONObject()
        members["kind"] = .string(resource.kind)
        members["apiVersion"] = .string(resource.apiVersion)
        objects[resource, default: [:]][Self.key(object)] = .object(members)
        encoded[resource]?[Self.key(object)] = nil
    }

    /// Sets the version that the next change follows.
    public func setVersion(_ version: Int) {
        self.version = version
        compacted = min(compacted, version)
    }

    /// Forgets all changes so far: watches from before are too old, continue tokens expire.
    public func compact() {
        changes = []
        compacted = version
        snapshots = [:]
    }

    /// Forgets all changes but the newest.
    public func compact(keeping count: Int) {
        guard changes.count > count else { return }
        changes.removeFirst(changes.count - count)
        compacted = (changes.first?.version ?? version + 1) - 1
        snapshots = [:]
    }

    /// Deletes an object while no watch is open, and forgets that it did: all have to list anew.
    public func loseWithoutAWord(_ object: JSONValue) {
        guard let resource = resources.first(where: { $0.kind == object["kind"]?.string }) else { return }
        version += 1
        objects[resource]?.removeValue(forKey: Self.key(object))
        encoded[resource]?.removeValue(forKey: Self.key(object))
        compact()
        endWatches()
    }

    /// Begins to count anew, as a cluster that was restored from a backup does: the same objects, lower
    /// versions, and no memory of what clients hold.
    public func restartHistory() {
        encoded = [:]
        version = 100
        (changes, compacted, snapshots) = ([], 0, [:])
        for (resource, kept) in objects {
            for (key, object) in kept {
                version += 1
                objects[resource]?[key] = Self.stamp(object, version)
            }
        }
        endWatches()
    }

    /// Ends all watches in good order, as a server that stops does.
    public func endWatches() {
        for watch in watches.values { watch.lines.yield(.end) }
    }

    /// Removes a kind, as the deletion of its CRD does.
    public func removeResource(_ resource: Resource) {
        resources.remove(resource)
        for watch in watches.values where watch.resource == resource { watch.lines.yield(.end) }
    }

    /// Adds a kind.
    public func addResource(_ resource: Resource) { resources.insert(resource) }

    /// Answers 403 for a while, as a server does that has just started and has not loaded its roles.
    public func refuse(for duration: Duration) { rolesLoaded = .now + duration }

    /// Refuses a resource for good, or no longer.
    public func forbid(_ plural: String, _ isForbidden: Bool = true) {
        if isForbidden { forbidden.insert(plural) } else { forbidden.remove(plural) }
    }

    /// Takes no token any more, or again.
    public func setTokensVoid(_ isVoid: Bool) {
        isTokenVoid = isVoid
        if isVoid { endWatches() }
    }

    /// How many watches of a resource are open.
    public func openWatches(_ plural: String) -> Int { watches.values.count { $0.resource.plural == plural } }

    /// - Parameter verb: list, watch, get, patch, create.
    func authorize(_ verb: String, _ resource: Resource, _ namespace: String?) throws(ReplayStatus) {
        if isTokenVoid { throw ReplayStatus(401, "Unauthorized", "Unauthorized") }
        guard ContinuousClock.now < rolesLoaded || forbidden.contains(resource.plural) else { return }
        var details = JSONObject()
        if !resource.group.isEmpty { details["group"] = .string(resource.group) }
        details["kind"] = .string(resource.plural)
        throw ReplayStatus(
            403, "Forbidden",
            "\(resource.qualified) is forbidden: User \"system:serviceaccount:kubeflow:metadata-recorder\" cannot \(verb) "
                + "resource \"\(resource.plural)\" in API group \"\(resource.group)\" "
                + (namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"),
            details: .object(details))
    }

    /// Discovery is a right too, which a role gives to everybody who is known.
    func authorizeDiscovery(_ path: String) throws(ReplayStatus) {
        if isTokenVoid { throw ReplayStatus(401, "Unauthorized", "Unauthorized") }
        guard ContinuousClock.now < rolesLoaded else { return }
        throw ReplayStatus(
            403, "Forbidden",
            "forbidden: User \"system:serviceaccount:kubeflow:metadata-recorder\" cannot get path \"\(path)\"",
            details: [:])
    }

    /// Aggregated discovery of the groups, or of the core one; or the list of groups of servers before 1.26.
    func discovery(isCore: Bool, isAggregated: Bool) -> JSONValue {
        let groups = Dictionary(grouping: resources.filter { $0.group.isEmpty == isCore }, by: \.group)
        if !isAggregated {
            let list = groups.keys.sorted().map { group -> JSONValue in
                let versions = Set((groups[group] ?? []).map(\.version)).sorted()
                return [
                    "name": .string(group),
                    "versions": .array(
                        versions.map { ["groupVersion": .string("\(group)/\($0)"), "version": .string($0)] }),
                ]
            }
            return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(list)]
        }
        let items = groups.keys.sorted().map { group -> JSONValue in
            let versions = Dictionary(grouping: groups[group] ?? [], by: \.version)
            return [
                "metadata": isCore ? [:] : ["name": .string(group)],
                "versions": .array(
                    versions.keys.sorted().map { version in
                        [
                            "version": .string(version),
                            "resources": .array((versions[version] ?? []).map(Self.described)),
                            "freshness": "Current",
                        ]
                    }),
            ]
        }
        return [
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": [:],
            "items": .array(items),
        ]
    }

    private static func described(_ resource: Resource) -> JSONValue {
        [
            "resource": .string(resource.plural),
            "responseKind": [
                "group": .string(resource.group), "version": .string(resource.version), "kind": .string(resource.kind),
            ],
            "scope": "Namespaced", "singularResource": .string(resource.kind.lowercased()),
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        ]
    }

    /// Makes the next fitting request go wrong.
    public func inject(_ fault: Fault) { faults.append(fault) }

    /// Nothing goes wrong any more.
    public func clearFaults() { faults = [] }

    /// The newest state of an object.
    public func object(_ resource: Resource, namespace: String, name: String) -> JSONValue? {
        objects[resource]?["\(namespace)/\(name)"]
    }

    /// All objects of a kind.
    public func all(_ resource: Resource) -> [JSONValue] { Array((objects[resource] ?? [:]).values) }

    func takeFault(_ target: Fault.Target, _ resource: String) -> Fault.Effect? {
        let index = faults.firstIndex {
            ($0.target == .any || $0.target == target) && ($0.resource == nil || $0.resource == resource)
        }
        return index.map { faults.remove(at: $0).effect }
    }

    func count(_ request: String) { requests[request, default: 0] += 1 }

    // MARK: What clients ask

    func resource(group: String, version: String, plural: String) throws(ReplayStatus) -> Resource {
        guard
            let found = resources.first(where: {
                $0.group == group && $0.version == version && $0.plural == plural
            })
        else { throw .unknownResource(group: group) }
        return found
    }

    func get(_ resource: Resource, _ namespace: String?, _ name: String) throws(ReplayStatus) -> JSONValue {
        guard let object = objects[resource]?["\(namespace ?? "")/\(name)"] else {
            throw .notFound(resource, name)
        }
        return object
    }

    struct ListOptions: Sendable {
        var limit = 0
        var continuation: String?
        var resourceVersion: String?
    }

    func list(
        _ resource: Resource, _ namespace: String?, _ selector: Selector, _ options: ListOptions
    ) throws(ReplayStatus) -> [UInt8] {
        var at = version
        var start = ""
        var source = objects[resource] ?? [:]
        if let token = options.continuation {
            if let version = options.resourceVersion, !version.isEmpty {
                throw .badRequest("specifying resource version is not allowed when using continue")
            }
            let position = try ContinueToken(token)
            start = position.start
            if position.version >= 0 {
                at = position.version
                guard let snapshot = snapshots[at]?[resource] else { throw expired(start) }
                source = snapshot
            }
        } else if let text = options.resourceVersion, !text.isEmpty, UInt64(text) == nil {
            throw .badRequest(
                "invalid resource version: resourceVersion: Invalid value: \"\(text)\": "
                    + "strconv.ParseUint: parsing \"\(text)\": invalid syntax")
        }
        // Within one namespace keys are names, else namespace/name.
        let prefix = namespace.map { "\($0)/" }
        var keys = source.keys.filter { prefix == nil || $0.hasPrefix(prefix ?? "") }.sorted()
        keys = keys.filter { key in source[key].map { selector.matches($0) } ?? false }
        let relative = { (key: String) in String(key.dropFirst(prefix?.count ?? 0)) }
        let rest = keys.filter { relative($0) >= start }
        // Any version is served from the cache, which ignores the limit.
        let limit = options.resourceVersion == "0" ? 0 : options.limit
        let page = limit > 0 ? Array(rest.prefix(limit)) : rest
        var metadata = JSONObject([("resourceVersion", .string(String(at)))])
        if page.count < rest.count, let last = page.last {
            snapshots[at, default: [:]][resource] = source
            metadata["continue"] = .string(ContinueToken(version: at, start: relative(last) + "\0").text)
            if selector.isEmpty { metadata["remainingItemCount"] = .integer(Int64(rest.count - page.count)) }
        } else if !resource.group.isEmpty {
            metadata["continue"] = ""
        }
        let envelope: JSONValue = [
            "kind": .string(resource.kind + "List"), "apiVersion": .string(resource.apiVersion),
            "metadata": .object(metadata),
        ]
        var bytes = envelope.jsonBytes()
        bytes.removeLast()
        bytes += Array(",\"items\":[".utf8)
        for (number, key) in page.enumerated() {
            guard let object = source[key] else { continue }
            if number > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += item(object, resource, key)
        }
        return bytes + Array("]}".utf8)
    }

    /// An object as an item of a list; kept as long as it does not change, as the watch cache does.
    private func item(_ object: JSONValue, _ resource: Resource, _ key: String) -> [UInt8] {
        let version = object["metadata"]?["resourceVersion"]?.string ?? ""
        if let known = encoded[resource]?[key], known.version == version { return known.bytes }
        var shown = object
        // Items of built-in lists have no kind and version of their own.
        if resource.group.isEmpty, var members = object.object {
            members["kind"] = nil
            members["apiVersion"] = nil
            shown = .object(members)
        }
        let bytes = shown.jsonBytes()
        encoded[resource, default: [:]][key] = (version, bytes)
        return bytes
    }

    private func expired(_ start: String) -> ReplayStatus {
        var status = ReplayStatus(
            410, "Expired",
            "The provided continue parameter is too old to display a consistent list result. You can start "
                + "a new list without the continue parameter, or use the continue token in this response to "
                + "retrieve the remainder of the results.")
        var body = status.body?.object
        body?["metadata"] = ["continue": .string(ContinueToken(version: -1, start: start).text)]
        status.body = body.map { .object($0) }
        return status
    }

    // MARK: Watches

    /// Opens a watch.
    /// - Returns: its number and its lines; what happened since `from` comes first.
    func watch(
        _ resource: Resource, _ namespace: String?, _ selector: Selector, from text: String?
    ) throws(ReplayStatus) -> (id: Int, lines: AsyncStream<WatchItem>) {
        var from: Int?
        if let text, !text.isEmpty, text != "0" {
            guard let number = Int(text), number > 0 else {
                throw ReplayStatus(
                    500, "",
                    "resourceVersion: Invalid value: \"\(text)\": strconv.ParseUint: parsing \"\(text)\": "
                        + "invalid syntax")
            }
            from = number
        }
        let (stream, continuation) = AsyncStream.makeStream(of: WatchItem.self)
        let watch = Watch(
            resource: resource, namespace: namespace, selector: selector, from: from ?? 0, lines: continuation)
        nextWatch += 1
        let id = nextWatch
        watches[id] = watch
        if let from {
            if from < compacted {
                // Too old is an event, not a status of the answer.
                let status = ReplayStatus.tooOld(asked: from, oldest: compacted)
                continuation.yield(.line(Self.line("ERROR", status.body ?? .null)))
                continuation.yield(.end)
            } else {
                for change in changes where change.version > from {
                    if let line = Self.line(change, watch) { continuation.yield(.line(line)) }
                }
            }
        } else {
            for (_, object) in (objects[resource] ?? [:]).sorted(by: { $0.key < $1.key })
            where Self.isIn(object, namespace) && selector.matches(object) {
                continuation.yield(.line(Self.line("ADDED", object)))
            }
        }
        return (id, stream)
    }

    func closeWatch(_ id: Int) { watches.removeValue(forKey: id)?.lines.finish() }

    func signal(_ id: Int, _ item: WatchItem) {
        // A watch from the future gets nothing, bookmarks neither.
        if case .bookmark = item, let watch = watches[id], watch.from > version { return }
        watches[id]?.lines.yield(item)
    }

    /// A BOOKMARK is no full object.
    func bookmark(_ resource: Resource) -> [UInt8] {
        var object = JSONObject([
            ("kind", JSONValue.string(resource.kind)), ("apiVersion", .string(resource.apiVersion)),
            ("metadata", .object(JSONObject([("resourceVersion", .string(String(version)))]))),
        ])
        if resource == .pods {
            object["spec"] = .object(JSONObject([("containers", .null)]))
            object["status"] = .object(JSONObject())
        }
        return Self.line("BOOKMARK", .object(object))
    }

    private static func isIn(_ object: JSONValue, _ namespace: String?) -> Bool {
        namespace == nil || object["metadata"]?["namespace"]?.string == namespace
    }

    private static func line(_ type: String, _ object: JSONValue) -> [UInt8] {
        JSONValue.object(JSONObject([("type", .string(type)), ("object", object)])).jsonBytes() + [0x0A]
    }

    /// The line that a watch gets of a change, if any.
    private static func line(_ change: Change, _ watch: Watch) -> [UInt8]? {
        guard change.resource == watch.resource, isIn(change.object, watch.namespace) else { return nil }
        let isIn = change.type != "DELETED" && watch.selector.matches(change.object)
        let wasIn = change.previous.map { watch.selector.matches($0) } ?? (change.type == "DELETED")
        switch (wasIn, isIn) {
        case (false, false): return nil
        case (false, true): return line("ADDED", change.object)
        case (true, true): return line("MODIFIED", change.object)
        case (true, false):
            // One that leaves the selector is told with its old state and the new version.
            let shown = change.type == "DELETED" ? change.object : change.previous ?? change.object
            return line("DELETED", stamp(shown, change.version))
        }
    }

    // MARK: Writes

    func create(_ resource: Resource, _ namespace: String?, _ body: JSONValue) throws(ReplayStatus) -> JSONValue {
        guard var object = body.object else { throw .badRequest("no object") }
        var metadata = object["metadata"]?.object ?? JSONObject()
        if let namespace { metadata["namespace"] = .string(namespace) }
        if metadata["name"] == nil, let prefix = metadata["generateName"]?.string {
            metadata["name"] = .string("\(prefix)\(version + 1)")
        }
        metadata["uid"] = .string("00000000-0000-4000-8000-\(String(1_000_000_000_000 + version).suffix(12))")
        object["metadata"] = .object(metadata)
        let name = metadata["name"]?.string ?? ""
        guard objects[resource]?["\(namespace ?? "")/\(name)"] == nil else {
            throw ReplayStatus(
                409, "AlreadyExists", "\(resource.qualified) \"\(name)\" already exists",
                details: .object(resource.details(name)))
        }
        return store("ADDED", .object(object), resource)
    }

    /// Deletes an object, at once or, where finalizers hold it, once they are gone.
    /// - Returns: whether it was there.
    @discardableResult
    public func delete(_ resource: Resource, namespace: String?, name: String) -> Bool {
        guard let current = objects[resource]?["\(namespace ?? "")/\(name)"] else { return false }
        guard !(current["metadata"]?["finalizers"]?.array ?? []).isEmpty else {
            store("DELETED", current, resource)
            return true
        }
        if current["metadata"]?["deletionTimestamp"] != nil { return true }
        let patch: JSONValue = [
            "metadata": ["deletionTimestamp": .string(Timestamp.now), "deletionGracePeriodSeconds": 0]
        ]
        store("MODIFIED", current.merging(patch: patch), resource)
        return true
    }

    func mergePatch(
        _ resource: Resource, _ namespace: String?, _ name: String, _ patch: JSONValue
    ) throws(ReplayStatus) -> JSONValue {
        let current = try get(resource, namespace, name)
        let metadata = patch["metadata"]
        if let version = metadata?["resourceVersion"]?.string,
            version != current["metadata"]?["resourceVersion"]?.string
        {
            throw .conflict(resource, name)
        }
        if let uid = metadata?["uid"]?.string, uid != current["metadata"]?["uid"]?.string {
            throw .invalid(resource, name, "metadata.uid", "Invalid value: \"\(uid)\": field is immutable")
        }
        let patched = current.merging(patch: patch)
        for list in ["labels", "annotations"] {
            for member in patched["metadata"]?[list]?.object ?? JSONObject() {
                guard let value = member.value.string else {
                    throw ReplayStatus(
                        422, "Invalid", " \"\" is invalid: patch: Invalid value: metadata.\(list).\(member.key)",
                        details: [:])
                }
                if list == "labels", !Self.isLabelValue(value) {
                    throw .invalid(
                        resource, name, "metadata.labels",
                        "Invalid value: \"\(value)\": a valid label must be an empty string or consist of "
                            + "alphanumeric characters, '-', '_' or '.', and must start and end with an "
                            + "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
                            + "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
                }
            }
        }
        // A patch that changes nothing makes no new version and no event.
        if patched == current { return current }
        let key = Self.key(current)
        let kept = patches[resource]?[key] ?? .object(JSONObject())
        patches[resource, default: [:]][key] = kept.merging(patch: Self.withoutIdentity(patch))
        let stored = store("MODIFIED", patched, resource)
        // The last finalizer of an object that is being deleted lets it go.
        let isHeld = !(patched["metadata"]?["finalizers"]?.array ?? []).isEmpty
        if patched["metadata"]?["deletionTimestamp"] != nil, !isHeld { store("DELETED", patched, resource) }
        return stored
    }

    private enum Timestamp {
        static var now: String { Date().formatted(.iso8601) }
    }

    /// A patch without the version and uid that it was made for.
    private static func withoutIdentity(_ patch: JSONValue) -> JSONValue {
        guard var members = patch.object, var metadata = members["metadata"]?.object else { return patch }
        metadata["resourceVersion"] = nil
        metadata["uid"] = nil
        members["metadata"] = .object(metadata)
        return .object(members)
    }

    private static func isLabelValue(_ text: String) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        return text.utf8.count <= 63 && isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }
}

/// Where the next page of a list begins: unpadded base64 of JSON.
struct ContinueToken {
    /// -1 goes on at the newest version.
    var version: Int
    var start: String

    init(version: Int, start: String) {
        self.version = version
        self.start = start
    }

    init(_ text: String) throws(ReplayStatus) {
        let padded = text + String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), let value = try? JSONValue(parsing: data),
            let version = value["rv"]?.integer, let start = value["start"]?.string
        else { throw .badRequest("invalid continue token: continue key is not valid") }
        self.version = Int(version)
        self.start = start.hasPrefix("/") ? String(start.dropFirst()) : start
    }

    var text: String {
        let value: JSONValue = [
            "v": "meta.k8s.io/v1", "rv": .integer(Int64(version)), "start": .string("/" + start),
        ]
        return Data(value.jsonBytes()).base64EncodedString().split(separator: "=").joined()
    }
}
