import JSON

/// The kinds that an API server serves: `GET /apis` as aggregated discovery (apidiscovery.k8s.io v2, Kubernetes 1.30;
/// v2beta1, 1.26) or as the plain APIGroupList of before.
public struct Discovery: Sendable, Hashable {
    /// What a client of all of them accepts, best first.
    static let accepted =
        ["v2", "v2beta1"].map { "application/json;g=apidiscovery.k8s.io;v=\($0);as=APIGroupDiscoveryList," }.joined()
        + "application/json"

    /// Versions with their resources, by group and version; `nil` where the server tells none.
    private var resources: [String: Set<String>?] = [:]
    /// Versions whose server does not answer the API server just now: what they serve is not known.
    private var stale: Set<String> = []

    /// Reads the answer; what cannot be understood tells of nothing.
    init(_ value: JSONValue) {
        for group in value["items"]?.array ?? [] {
            guard let name = group["metadata"]?["name"]?.string else { continue }
            for version in group["versions"]?.array ?? [] {
                guard let number = version["version"]?.string else { continue }
                let served = (version["resources"]?.array ?? []).compactMap { $0["resource"]?.string }
                resources["\(name)/\(number)"] = .some(Set(served))
                if version["freshness"]?.string == "Stale" { stale.insert("\(name)/\(number)") }
            }
        }
        for group in value["groups"]?.array ?? [] {
            for version in group["versions"]?.array ?? [] {
                if let name = version["groupVersion"]?.string { resources[name] = .some(nil) }
            }
        }
    }

    /// Whether a resource is served; `nil` where only asking for it can tell.
    public func serves(_ resource: Resource) -> Bool? {
        // The core group is always there, and in no list of groups.
        guard !resource.group.isEmpty, !resources.isEmpty else { return nil }
        if stale.contains(resource.apiVersion) { return nil }
        guard let served = resources[resource.apiVersion] else { return false }
        return served.map { $0.contains(resource.plural) }
    }
}
