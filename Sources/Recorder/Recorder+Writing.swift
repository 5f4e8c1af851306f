import FoundationEssentials
import Kubernetes
import Lineage
import Logging

extension Recorder {
    func flush() async {
        // Whoever waits longer notices late that it is back.
        var backoff = Backoff(first: .milliseconds(200), maximum: .seconds(1))
        var isDown = false
        let clock = ContinuousClock()
        while !Task.isCancelled {
            await journal.waitForPending()
            let began = clock.now
            do {
                let count = try await flushAll()
                backoff.reset()
                if isDown { logger.info("the store answers again") }
                isDown = false
                // What changes meanwhile is written together: a step's states are then one write.
                if count < options.batchSize { try await clock.sleep(until: began + options.linger) }
            } catch is CancellationError {
                return
            } catch {
                if !isDown {
                    logger.warning("the store does not answer, trying again", metadata: ["reason": "\(error)"])
                }
                isDown = true
                metrics.countStoreError()
                try? await Task.sleep(for: backoff.delay())
            }
        }
    }

    /// Writes all that waits, batch after batch. While the store has one, the next is made ready, and sent too
    /// where neither says anything of what the other does.
    /// - Returns: how many steps the last batch had.
    private func flushAll() async throws -> Int {
        let limit = options.batchSize
        return try await withThrowingTaskGroup(of: Int64.self) { group in
            var inFlight = BatchesInFlight()
            var batch = try await journal.pending(limit: limit)
            var count = 0
            while let last = batch.last?.revision {
                count = batch.count
                let subjects = BatchesInFlight.subjects(of: batch.map(\.execution))
                while !inFlight.admits(subjects), let done = try await group.next() { inFlight.remove(done) }
                inFlight.add(last, subjects)
                group.addTask { [batch] in
                    try await flush(batch)
                    return last
                }
                batch = count < limit ? [] : try await journal.pending(limit: limit, after: last)
            }
            try await group.waitForAll()
            return count
        }
    }

    private func flush(_ batch: [Journal.Pending]) async throws {
        let began = ContinuousClock.now
        // Others write these; they waited here until it could be seen whether that was done.
        let others = batch.filter { !ownership.owns($0.execution.namespace) }.map(\.record)
        let ended = others.isEmpty ? [] : try await writer.ended(others)
        let pending = batch.filter { !ended.contains($0.execution.id) }
        try await journal.acknowledge(
            batch.filter { ended.contains($0.execution.id) }.map { ($0.execution.id, $0.revision, nil) })
        guard !pending.isEmpty else { return }
        let outcomes = try await writer.write(
            pending.map(\.record), unwritten: Set(pending.filter(\.isUnwritten).map(\.execution.id)))
        metrics.observeBatch(ContinuousClock.now - began)
        var done: [(id: String, revision: Int64, refused: String?)] = []
        var failed: [(id: String, revision: Int64)] = []
        var patches: [Journal.Patch] = []
        for step in pending {
            switch outcomes[step.execution.id] {
            case .recorded(let receipt)?:
                count(step.execution, .recorded)
                if let patch = writeBack.patch(receipt, of: step.execution) { patches.append(patch) }
                for type in receipt.lateTypes {
                    metrics.countSetAside("late_type")
                    logger.warning(
                        "a type was declared when its artifact was in the store, which changes none; kept as declared_type",
                        metadata: ["type": "\(type.prefix(200))", "execution": "\(step.execution.id)"])
                }
                done.append((step.execution.id, step.revision, nil))
            case .refused(let reason)?:
                count(step.execution, .refused)
                done.append((step.execution.id, step.revision, reason))
                let origin = step.execution.mainOrigin
                await reporter.report(
                    [Problem(object: origin?.description ?? step.execution.id, field: "the store", reason: reason)],
                    about: origin)
            case nil: failed.append((step.execution.id, step.revision))
            }
        }
        try await journal.acknowledge(done, patches: patches)
        if !failed.isEmpty {
            try await journal.postpone(failed)
            logger.warning("the store failed at some steps; tried again later", metadata: ["steps": "\(failed.count)"])
        }
        logger.debug("recorded", metadata: ["steps": "\(done.count)"])
    }

    private func count(_ execution: Execution, _ outcome: RecorderMetrics.Outcome) {
        guard execution.role != .run else { return }
        // Kubeflow Pipelines adds to what Argo says.
        let conventions = execution.evidence.map(\.convention)
        let convention = conventions.first { $0.hasPrefix("kubeflow-pipelines") } ?? conventions.first
        metrics.count(outcome, convention: convention ?? "unknown")
        if outcome == .recorded, execution.state.isFinal, let end = execution.end {
            metrics.observeLag(Date().timeIntervalSince(end))
        }
    }

    func prune() async {
        while !Task.isCancelled {
            do {
                try await journal.prune(olderThan: options.retention)
            } catch {
                logger.warning("the journal was not pruned", metadata: ["reason": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(3600))
        }
    }
}
