import Capture
import FoundationEssentials
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
import Synchronization

/// Answers `POST /mutate` and `POST /validate`.
struct ReviewResponder: Sendable {
    var mutator: PodMutator
    var facts: ClusterFacts
    var metrics: WebhookMetrics
    var logger: Logger
    private let bodies = ReviewBodies()

    init(mutator: PodMutator, facts: ClusterFacts, metrics: WebhookMetrics, logger: Logger) {
        self.mutator = mutator
        self.facts = facts
        self.metrics = metrics
        self.logger = logger
    }

    func add(to router: Router<BasicRequestContext>) {
        router.post("/mutate") { request, _ in
            await respond(to: request, "/mutate") { review in mutate(review) }
        }
        router.post("/validate") { request, _ in
            await respond(to: request, "/validate") { (review) throws(AdmissionReview.Malformed) in
                try RuleReview.answer(review)
            }
        }
    }

    private func respond(
        to request: Request, _ path: String,
        _ answer: @escaping @Sendable (AdmissionReview) throws(AdmissionReview.Malformed) -> AdmissionResponse
    ) async -> Response {
        let start = ContinuousClock.now
        let outcome: WebhookMetrics.Outcome
        let response: Response
        do throws(ReviewBodies.Refusal) {
            (outcome, response) = try await bodies.with(request.body) { bytes in self.answer(bytes, path, answer) }
        } catch {
            outcome = .malformed
            response = Self.line(error.line, error.status)
        }
        metrics.count(path, outcome, ContinuousClock.now - start)
        return response
    }

    private func answer(
        _ bytes: [UInt8], _ path: String,
        _ answer: (AdmissionReview) throws(AdmissionReview.Malformed) -> AdmissionResponse
    ) -> (WebhookMetrics.Outcome, Response) {
        do throws(AdmissionReview.Malformed) {
            let review = try AdmissionReview(parsing: bytes)
            let response = try answer(review)
            let outcome: WebhookMetrics.Outcome =
                response.denial != nil ? .denied : response.patch.isEmpty ? .unchanged : .patched
            let body = response.json(uid: review.uid).jsonBytes()
            return (
                outcome,
                Response(
                    status: .ok, headers: [.contentType: "application/json"],
                    body: .init(byteBuffer: ByteBuffer(bytes: body)))
            )
        } catch {
            logger.warning("what came is no review", metadata: ["path": "\(path)", "reason": "\(error)"])
            return (.malformed, Self.line(error.description, .badRequest))
        }
    }

    private func mutate(_ review: AdmissionReview) -> AdmissionResponse {
        let outcome = mutator.answer(review, hasNativeSidecars: facts.hasNativeSidecars, rules: facts.rules)
        if let reason = outcome.skip {
            metrics.count(reason)
            logger.debug(
                "no sidecar",
                metadata: [
                    "namespace": "\(review.namespace)", "uid": "\(review.uid)", "reason": "\(reason.rawValue)",
                ])
        }
        return outcome.response
    }

    private static func line(_ text: String, _ status: HTTPResponse.Status) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text + "\n")))
    }
}
