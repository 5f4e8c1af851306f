import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Logging

/// Tells problems once: in the log, and as a Kubernetes Event on the object.
actor EventReporter {
    private let client: APIClient?
    private let logger: Logger
    private var told: Set<Problem> = []
    /// Problems are forgotten beyond this: a cluster may have any number of broken objects.
    private let maximumTold = 10_000

    init(_ client: APIClient?, logger: Logger) {
        self.client = client
        self.logger = logger
    }

    func report(_ problems: [Problem], about origin: Execution.Origin?) async {
        for problem in problems where !told.contains(problem) {
            if told.count >= maximumTold { told = [] }
            told.insert(problem)
            logger.warning("not everything could be recorded", metadata: ["problem": "\(problem)"])
            if let origin, !origin.uid.isEmpty { await createEvent(problem, about: origin) }
        }
    }

    private func createEvent(_ problem: Problem, about origin: Execution.Origin) async {
        guard let client else { return }
        let time = Timestamp.format(Date())
        let kind = Capture.kinds.first { $0.name == origin.kind } ?? Capture.pods
        let version = kind.versions.first?.apiVersion ?? "v1"
        // Of what is in no namespace Events are in this one.
        let namespace = origin.namespace.isEmpty ? "default" : origin.namespace
        let event: JSONValue = [
            "apiVersion": "v1", "kind": "Event",
            "metadata": [
                "generateName": .string("\(origin.name.prefix(200))."), "namespace": .string(namespace),
            ],
            "involvedObject": [
                "apiVersion": .string(version), "kind": .string(origin.kind), "name": .string(origin.name),
                "namespace": .string(origin.namespace), "uid": .string(origin.uid),
            ],
            "reason": "MetadataNotRecorded", "type": "Warning",
            "message": .string(String("\(problem.field): \(problem.reason)".prefix(1000))),
            "firstTimestamp": .string(time), "lastTimestamp": .string(time), "count": 1,
            "source": ["component": "kfmd"],
        ]
        do {
            try await client.create(.events, namespace: namespace, event)
        } catch {
            logger.debug("no Event could be made", metadata: ["reason": "\(error)"])
        }
    }
}
