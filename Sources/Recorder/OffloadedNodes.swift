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
                    // Whoever writes this namespace fetches them too.
                    guard ownership.owns(workflow.namespace) else {
                        try await journal.postpone(workflow, by: Self.offloadedInterval, isAttempt: false)
                        continue
                    }
                    let found: ArgoServer.Answer
                    do {
                        found = try await server.workflow(
                            workflow.name, namespace: workflow.namespace, uid: workflow.uid)
                        told = ""
                    } catch {
                        if Task.isCancelled { return }
                        // The same trouble is told once.
                        if told != "\(error)" {
                            logger.warning(
                                "the Argo server does not tell the nodes of a Workflow, trying again",
                                metadata: ["workflow": "\(workflow.namespace)/\(workflow.name)", "reason": "\(error)"])
                        }
                        told = "\(error)"
                        metrics.countOffloaded("failed")
                        try await journal.postpone(workflow, by: options.backoff.delay(after: workflow.attempts))
                        continue
                    }
                    try await keep(found, of: workflow)
                }
            } catch is CancellationError {
                return
            } catch {
                logger.error("the journal cannot be written, trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func keep(_ found: ArgoServer.Answer, of workflow: Journal.Offloaded) async throws {
        switch found {
        case .live(let object), .archived(let object):
            // Nothing more happens to one of the archive.
            let isArchived = if case .archived = found { true } else { false }
            await keep([(object, isArchived)], logger)
            // It may have been kept from keeping it.
            try Task.checkCancellation()
            metrics.countOffloaded("fetched")
        case .withoutNodes, .missing:
            if workflow.attempts < Self.maximumAttempts {
                try await journal.postpone(workflow, by: options.backoff.delay(after: workflow.attempts))
                return
            }
            metrics.countOffloaded("missing")
            logger.warning(
                "neither the Argo server nor its archive has the nodes of a Workflow; only pods tell of its steps",
                metadata: ["workflow": "\(workflow.namespace)/\(workflow.name)", "uid": "\(workflow.uid)"])
        }
        try await journal.fetched(workflow)
    }
}
