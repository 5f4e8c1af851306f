import Capture
import Crypto
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Logging

/// Tells problems once: in the log, and as a Kubernetes Event on the object.
///
/// What was told is kept with the journal, so that a recorder that starts again does not tell it anew. Events are
/// made beside the recording, which never waits for them; an object's author may cause any number of problems, so that
/// only so many are told.
actor EventReporter {
    private struct Report: Sendable {
        var problem: Problem
        var origin: Execution.Origin
        var key: String
    }

    private let client: APIClient
    private let journal: Journal
    private let metrics: RecorderMetrics
    private let logger: Logger
    private let begun = ContinuousClock.now
    private var told: Set<String> = []
    /// Problems are forgotten beyond this: a cluster may have any number of broken objects.
    private static let maximumTold = 10_000
    /// The most problems of one object at one sight that are told one by one.
    static let maximumOfAnObject = 20
    private static let maximumQueue = 1000
    private var throttle = Throttle(burst: 500, perSecond: 10)
    private let queue: AsyncStream<Report>
    private let enqueue: AsyncStream<Report>.Continuation

    init(_ client: APIClient, journal: Journal, metrics: RecorderMetrics, logger: Logger) {
        self.client = client
        self.journal = journal
        self.metrics = metrics
        self.logger = logger
        (queue, enqueue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.maximumQueue))
    }

    func report(_ problems: [Problem], about origin: Execution.Origin?) async {
        var new: [(key: String, problem: Problem)] = []
        for problem in problems {
            let key = Self.key(problem, origin)
            if !told.contains(key), new.allSatisfy({ $0.key != key }) { new.append((key, problem)) }
            if new.count > Self.maximumOfAnObject { break }
        }
        if new.isEmpty { return }
        if new.count > Self.maximumOfAnObject {
            new.removeLast()
            metrics.countSetAside("problem")
        }
        if told.count >= Self.maximumTold { told = [] }
        told.formUnion(new.map(\.key))
        // A journal that fails must not keep anything from being told.
        let unknown = (try? await journal.noteTold(new.map(\.key))) ?? Set(new.map(\.key))
        for (key, problem) in new where unknown.contains(key) {
            guard let others = throttle.admit(at: ContinuousClock.now - begun) else {
                metrics.countSetAside("problem")
                continue
            }
            var metadata: Logger.Metadata = ["problem": "\("\(problem)".prefix(2000))"]
            if others > 0 { metadata["andOthers"] = "\(others)" }
            logger.warning("not everything could be recorded", metadata: metadata)
            guard let origin, !origin.uid.isEmpty else { continue }
            if case .dropped = enqueue.yield(Report(problem: problem, origin: origin, key: key)) {
                metrics.countSetAside("event")
            }
        }
    }

    /// Makes the Events until it is cancelled.
    func run() async {
        for await report in queue {
            await createEvent(report)
            if Task.isCancelled { return }
        }
    }

    /// The same for the same problem of the same object, whoever tells it.
    private static func key(_ problem: Problem, _ origin: Execution.Origin?) -> String {
        let text = "\(origin?.uid ?? "")\u{0}\(problem)"
        return SHA256.hash(data: Array(text.utf8)).prefix(8).reduce(into: "") {
            $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16)
        }
    }

    /// The beginning of a name, which may be cut only behind a letter or digit.
    private static func label(_ name: String) -> String {
        var name = name.prefix(200)
        while let last = name.last, !last.isLetter, !last.isNumber { name.removeLast() }
        return name.isEmpty ? "object" : String(name)
    }

    private func createEvent(_ report: Report) async {
        let (problem, origin) = (report.problem, report.origin)
        let time = Timestamp.format(Date())
        let kind = Capture.kinds.first { $0.name == origin.kind } ?? Capture.pods
        let version = kind.versions.first?.apiVersion ?? "v1"
        // Of what is in no namespace Events are in this one.
        let namespace = origin.namespace.isEmpty ? "default" : origin.namespace
        let event: JSONValue = [
            "apiVersion": "v1", "kind": "Event",
            "metadata": [
                // Two replicas, or one that lost its journal, make the same Event: the second is refused.
                "name": .string("\(Self.label(origin.name)).\(report.key)"), "namespace": .string(namespace),
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
        } catch let error as APIError where error.isConflict {
            // It is there.
        } catch {
            logger.debug("no Event could be made", metadata: ["reason": "\(error)"])
        }
    }
}
