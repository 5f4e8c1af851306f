import Capture
import Kubernetes
import Logging
import Synchronization

/// What the webhook knows of the cluster beyond a review: whether it has native sidecars, and its rules.
final class ClusterFacts: Sendable {
    private struct State {
        var hasNativeSidecars: Bool?
        var rules: RuleIndex?
    }

    private let state: Mutex<State>

    /// - Parameter hasNativeSidecars: `nil` where the cluster is to be asked.
    init(hasNativeSidecars: Bool? = nil) { state = Mutex(State(hasNativeSidecars: hasNativeSidecars)) }

    /// Not while it is not known: elsewhere a pod with a sidecar would never start.
    var hasNativeSidecars: Bool { state.withLock { $0.hasNativeSidecars ?? false } }
    /// `nil` before they were read.
    var rules: RuleIndex? { state.withLock { $0.rules } }

    // MARK: Native sidecars

    /// What came with Kubernetes 1.29, as native sidecars did, and has been served by every API server since: the
    /// review does not tell the version, and discovery, unlike `/version`, is asked for already.
    private static let evidence = Resource(
        group: "flowcontrol.apiserver.k8s.io", version: "v1", plural: "flowschemas", kind: "FlowSchema")
    private static let versionInterval: Duration = .seconds(60)

    /// Asks the cluster, until it has native sidecars: it may be upgraded.
    func findNativeSidecars(_ client: APIClient, logger: Logger) async {
        var told = ""
        func tellOnce(_ text: String) {
            if told != text, !Task.isCancelled { logger.warning("\(text)") }
            told = text
        }
        while !Task.isCancelled, !hasNativeSidecars {
            do {
                let serves = try await client.discover().serves(Self.evidence)
                state.withLock { $0.hasNativeSidecars = serves }
                switch serves {
                case true?: logger.info("the cluster has native sidecars: pods get one")
                case false?: tellOnce("Kubernetes before 1.29 has no native sidecars: pods get none")
                case nil:
                    tellOnce("not known whether the cluster has native sidecars (--native-sidecars): pods get none")
                }
            } catch {
                tellOnce(
                    "not known whether the cluster has native sidecars (--native-sidecars): pods get none: \(error)")
            }
            if !hasNativeSidecars { try? await Task.sleep(for: Self.versionInterval) }
        }
    }

    // MARK: Rules

    private static let ruleInterval: Duration = .seconds(30)
    /// More than anybody writes; each pod is compared with all.
    private static let maximumRules = 5000

    /// Reads the rules again and again, until it is cancelled.
    func followRules(_ client: APIClient, logger: Logger) async {
        var last = ""
        while !Task.isCancelled {
            do {
                let rules = try await Self.readRules(client)
                state.withLock { $0.rules = rules }
                last = ""
            } catch {
                if last != "\(error)", !Task.isCancelled {
                    logger.warning("the rules cannot be read", metadata: ["reason": "\(error)"])
                }
                last = "\(error)"
            }
            try? await Task.sleep(for: Self.ruleInterval)
        }
    }

    /// - Returns: rules of a cluster that has no such kind are none.
    static func readRules(_ client: APIClient) async throws -> RuleIndex {
        let rules = RuleIndex()
        var room = maximumRules
        for kind in Capture.ruleKinds {
            do {
                var continuation: String?
                repeat {
                    let page = try await client.list(kind, limit: 500, continuation: continuation)
                    // What is wrong with a rule the recorder tells, and /validate.
                    for object in page.objects.prefix(room) { rules.add(object) }
                    room -= min(room, page.objects.count)
                    continuation = page.next
                } while continuation != nil && room > 0
            } catch let error as APIError where error.isNotFound {
                continue
            }
        }
        return rules
    }
}
