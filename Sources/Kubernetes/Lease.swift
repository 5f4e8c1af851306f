import JSON

/// A lease (`coordination.k8s.io/v1`): who holds it, and until when unless it is renewed.
public struct Lease: Sendable, Hashable {
    public var name: String
    /// Empty when nobody does.
    public var holder: String
    public var durationSeconds: Int
    /// RFC 3339 with microseconds; compared, never trusted as a clock.
    public var acquireTime: String
    public var renewTime: String
    /// How often it changed hands.
    public var transitions: Int
    /// The version that a change must be made from; empty for a lease that is not there.
    public var resourceVersion: String

    public init(
        name: String, holder: String, durationSeconds: Int, acquireTime: String = "", renewTime: String = "",
        transitions: Int = 0, resourceVersion: String = ""
    ) {
        self.name = name
        self.holder = holder
        self.durationSeconds = durationSeconds
        self.acquireTime = acquireTime
        self.renewTime = renewTime
        self.transitions = transitions
        self.resourceVersion = resourceVersion
    }

    public init(_ object: KubernetesObject) {
        let spec = object.raw["spec"]
        self.init(
            name: object.name, holder: spec?["holderIdentity"]?.string ?? "",
            durationSeconds: Self.count(spec?["leaseDurationSeconds"]),
            acquireTime: spec?["acquireTime"]?.string ?? "", renewTime: spec?["renewTime"]?.string ?? "",
            transitions: Self.count(spec?["leaseTransitions"]), resourceVersion: object.resourceVersion)
    }

    /// A number of an API of 32 bits; what adds to it stays within.
    private static func count(_ value: JSONValue?) -> Int {
        Int(min(max(value?.integer ?? 0, 0), Int64(Int32.max) - 1))
    }

    private var spec: JSONValue {
        [
            "holderIdentity": .string(holder), "leaseDurationSeconds": .integer(Int64(durationSeconds)),
            "acquireTime": .string(acquireTime), "renewTime": .string(renewTime),
            "leaseTransitions": .integer(Int64(transitions)),
        ]
    }

    /// The object to create.
    func object(labels: [String: String]) -> JSONValue {
        [
            "apiVersion": .string(Resource.leases.apiVersion), "kind": .string(Resource.leases.kind),
            "metadata": [
                "name": .string(name), "labels": .object(JSONObject(labels.map { ($0.key, .string($0.value)) })),
            ], "spec": spec,
        ]
    }

    /// The merge patch that is refused when somebody else was faster.
    var patch: JSONValue { ["metadata": ["resourceVersion": .string(resourceVersion)], "spec": spec] }
}

extension APIClient {
    /// Writes a lease: makes it when it has no version, else changes that version.
    /// - Returns: the lease with its new version; `nil` when somebody else was faster.
    /// - Throws: ``APIError``, ``ConnectionError``.
    public func put(_ lease: Lease, namespace: String, labels: [String: String]) async throws -> Lease? {
        do {
            let object =
                lease.resourceVersion.isEmpty
                ? try await create(.leases, namespace: namespace, lease.object(labels: labels))
                : try await mergePatch(.leases, namespace: namespace, name: lease.name, lease.patch)
            return Lease(object)
        } catch let error as APIError where error.isConflict || error.isNotFound {
            return nil
        }
    }
}
