import GRPCCore
import MetadataAPI
import MetadataStore
import Prometheus
import Synchronization

/// What a service answered, by face and method.
final class ServiceMetrics: Sendable {
    /// By which protocol a request came.
    enum Face: String { case grpc, grpcWeb = "grpc_web", rest, page }

    private struct Method: Hashable {
        var face: Face
        var name: String
    }

    private struct Counts {
        var codes: [String: Int] = [:]
        var seconds = PrometheusHistogram(bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30])

        mutating func note(_ code: String, _ seconds: Double) {
            codes[code, default: 0] += 1
            self.seconds.observe(seconds)
        }
    }

    private let state = Mutex<[Method: Counts]>([:])

    /// - Parameter name: of our own making, for each is kept: a method of the contract, the pattern of a path.
    func count(_ face: Face, _ name: String, code: String, _ duration: Duration) {
        let seconds = duration / .seconds(1)
        state.withLock { $0[Method(face: face, name: name), default: Counts()].note(code, seconds) }
    }

    /// Counts an answer by gRPC's codes, whatever it is.
    func counting<Response>(
        _ face: Face, _ name: String, _ body: () async throws -> Response
    ) async throws -> Response {
        let began = ContinuousClock.now
        do {
            let response = try await body()
            count(face, name, code: "ok", ContinuousClock.now - began)
            return response
        } catch {
            let code = (error as? StatusError)?.code ?? (error as? RPCError)?.code ?? .unknown
            count(face, name, code: Self.word(code), ContinuousClock.now - began)
            throw error
        }
    }

    /// gRPC's codes in the order of their numbers (grpc/doc/statuscodes.md).
    private static let words = [
        "ok", "cancelled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
        "permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented",
        "internal", "unavailable", "data_loss", "unauthenticated",
    ]

    private static func word(_ code: RPCError.Code) -> String {
        words.indices.contains(code.rawValue) ? words[code.rawValue] : "unknown"
    }

    /// All metrics of a service as text.
    /// - Parameters:
    ///   - activity: `nil` where the store cannot be read.
    ///   - limits: what else was refused, by what.
    func text(_ activity: StoreActivity?, search: Int64?, limits: [(String, Int)], isReady: Bool) -> String {
        let counts = state.withLock { $0 }.sorted {
            ($0.key.face.rawValue, $0.key.name) < ($1.key.face.rawValue, $1.key.name)
        }
        var text = PrometheusText()
        text.family("kfmd_service_requests_total", "counter", "Requests answered, by face, method and code.")
        for (method, counts) in counts {
            for (code, count) in counts.codes.sorted(by: { $0.key < $1.key }) {
                text.sample(
                    "kfmd_service_requests_total",
                    [("face", method.face.rawValue), ("method", method.name), ("code", code)], "\(count)")
            }
        }
        text.family("kfmd_service_request_seconds", "histogram", "Answering a request, by face and method.")
        for (method, counts) in counts {
            text.histogram(
                "kfmd_service_request_seconds", [("face", method.face.rawValue), ("method", method.name)],
                counts.seconds)
        }
        var limits = limits
        if let activity {
            Self.add(activity, search, to: &text)
            limits += [
                ("waiting_writes", activity.writing.refused), ("read_size", activity.refusals.size),
                ("read_time", activity.refusals.time), ("read_others_waited", activity.refusals.yielded),
            ]
        }
        text.family("kfmd_service_limits_total", "counter", "What went over a limit and was refused, by limit.")
        for (limit, count) in limits { text.sample("kfmd_service_limits_total", [("limit", limit)], "\(count)") }
        text.family("kfmd_service_ready", "gauge", "1 while the store can be read, and reads and writes end.")
        text.sample("kfmd_service_ready", isReady ? "1" : "0")
        return text.output
    }

    private static func add(_ activity: StoreActivity, _ search: Int64?, to text: inout PrometheusText) {
        text.family("kfmd_store_group_requests", "histogram", "Requests that one transaction wrote.")
        text.histogram("kfmd_store_group_requests", activity.writing.group)
        text.family("kfmd_store_commit_seconds", "histogram", "Writing one transaction, its sync included.")
        text.histogram("kfmd_store_commit_seconds", activity.writing.seconds)
        for (name, help, value) in [
            ("kfmd_store_readers", "How many requests are read at the same time.", activity.readers),
            ("kfmd_store_readers_busy", "How many readers are at work.", activity.readersBusy),
            ("kfmd_store_readers_waited_for", "How many requests wait for a reader.", activity.readersWaitedFor),
        ] {
            text.family(name, "gauge", help)
            text.sample(name, "\(value)")
        }
        text.family("kfmd_store_rows", "gauge", "Nodes in the store, by kind.")
        for row in activity.rows { text.sample("kfmd_store_rows", [("kind", row.kind.word + "s")], "\(row.count)") }
        text.family("kfmd_store_bytes", "gauge", "The size of the store's files.")
        for file in activity.files + (search.map { [("search", $0)] } ?? []) {
            text.sample("kfmd_store_bytes", [("file", file.name)], "\(file.bytes)")
        }
        guard let volume = activity.volume else { return }
        text.family("kfmd_store_volume_bytes", "gauge", "The size of the disk that the store is on.")
        text.sample("kfmd_store_volume_bytes", "\(volume.size)")
        text.family("kfmd_store_volume_free_bytes", "gauge", "What is left of it.")
        text.sample("kfmd_store_volume_free_bytes", "\(volume.free)")
    }
}
