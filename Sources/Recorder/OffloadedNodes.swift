import Capture
import FoundationEssentials
import Kubernetes
import Lineage
import Logging

extension Recorder {
    /// How often the nodes of a running Workflow are fetched.
    static let offloadedInterval = Duration.seconds(60)
    /// How often a Workflow is asked for that the server does not have.
    private static let maximumAttempts = 8

    /// Fetches the nodes of Workflows that the controller keeps in its database, one Workflow at a time: they
    /// are large.
    func fetchOffloaded(from server: ArgoServer) async {
        var told = ""
        while !Task.isCancelled {
            await journal.waitForOffloaded()
            do {
                for workflow in try await journal.offloaded(limit: 10) {
                    if Task.isCancelled { return }
                    do {
                        try await fetch(workflow, from: server)
                        told = ""
                    } catch let error where error is APIError || error is ConnectionError {
                        // The same trouble is told once.
                        if told != "\(error)" {
                            logger.warning(
                                "the Argo server does not tell the nodes of a Workflow, trying again",
                                metadata: ["workflow": "\(workflow.namespace)/\(workflow.name)", "reason": "\(error)"])
                        }
                        told = "\(error)"
                        metrics.countOffloaded("failed")
                        try await journal.postpone(workflow, by: options.backoff.delay(after: workflow.attempts))
                    }
                }
            } catch is CancellationError {
                return
            } catch {
                logger.error("the journal cannot be written, trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func fetch(_ workflow: Journal.Offloaded, from server: ArgoServer) async throws {
        // Whoever writes this namespace fetches them too.
        guard ownership.owns(workflow.namespace) else {
            try await journal.postpone(workflow, by: Self.offloadedInterval, isAttempt: false)
            return
        }
        let found = try await server.workflow(workflow.name, namespace: workflow.namespace, uid: workflow.uid)
        if let (object, isArchived) = found {
            // Nothing more happens to one of the archive.
            let result = capture(object, isDeleted: isArchived)
            try await journal.record(result.everything) { ownership.owns($0) }
            metrics.countOffloaded("fetched")
        } else if workflow.attempts < Self.maximumAttempts {
            try await journal.postpone(workflow, by: options.backoff.delay(after: workflow.attempts))
            return
        } else {
            metrics.countOffloaded("missing")
            logger.warning(
                "neither the Argo server nor its archive has a Workflow; only pods tell of its steps",
                metadata: ["workflow": "\(workflow.namespace)/\(workflow.name)", "uid": "\(workflow.uid)"])
        }
        try await journal.fetched(workflow)
    }
}
