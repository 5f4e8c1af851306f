import Capture
import FoundationEssentials
import Kubernetes
import Lineage
import Logging

extension Recorder {
    /// Why a watch cannot go on.
    private enum Unavailable: Equatable {
        case absent
        case ended
    }

    /// How often a kind is refused in a row until those that wait for its list go on without it.
    private static let patientRefusals = 3
    /// For how long they wait while the server refuses everything, as one does that has just started.
    private static let patience: Duration = .seconds(10)

    /// Watches a kind, in the first version that the cluster serves. One that is not there costs a line in the
    /// log and is looked for again.
    func watch(
        _ place: Place, _ absence: Absence, _ installed: InstalledKinds, _ lists: [FirstLists]
    ) async {
        var logger = logger
        logger[metadataKey: "resource"] = "\(place.kind.definition)"
        if let namespace = place.namespace { logger[metadataKey: "namespace"] = "\(namespace)" }
        var told = Unavailable.ended
        var attempts = 0
        while !Task.isCancelled {
            let version = await installed.version(of: place.kind.definition)
            var reason = Unavailable.absent
            var wasRefused = false
            for resource in place.kind.versions {
                // Asked of all kinds at once: those that are not installed cost no request each.
                if await installed.serves(resource) == false { continue }
                reason = await watch(resource, place, absence, installed, lists, logger)
                wasRefused = reason == .absent
                if reason != .absent || Task.isCancelled { break }
            }
            if Task.isCancelled { return }
            if reason == .ended {
                logger.error("a watch ended by itself, beginning again")
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            metrics.updateWatches { $0.isAbsent(place.name) }
            await installed.note(absent: place.kind.definition)
            // In no version: what was of it is gone. A server that has just started may not list all groups yet: it
            // is believed when it says so again, or answers 404.
            if wasRefused || attempts > 0 {
                let lost = try? await absence.listed(
                    place.kind.name, in: place.namespace, present: [], began: journal.clock.date)
                metrics.countLost(lost ?? 0)
            }
            for list in lists { await list.arrived(place.name) }
            if reason != told { logger.debug("the cluster does not have it; waiting until it is installed") }
            told = reason
            // A definition that was just made is served a moment later.
            attempts = await installed.version(of: place.kind.definition) > version ? 0 : attempts + 1
            // One request asks for all kinds.
            var pause: Duration = .seconds(60)
            if attempts < 5, version > 0 {
                pause = .seconds(1 << attempts)
            } else if await installed.isWatching {
                // It is told of; at times to be sure.
                pause = .seconds(3600)
            }
            await installed.wait(for: place.kind.definition, after: version, atMost: pause)
        }
    }

    /// Watches a resource as long as it is there.
    private func watch(
        _ resource: Resource, _ place: Place, _ absence: Absence, _ installed: InstalledKinds, _ lists: [FirstLists],
        _ logger: Logger
    ) async -> Unavailable {
        var lastInterruption = ""
        var refusals = 0
        var wasListed = false
        let asked = ContinuousClock.now
        var present: Set<Int> = []
        var began = journal.clock.date
        var unreadable = Throttle(burst: 20, perSecond: 0.1)
        func tellAbsence() async {
            do {
                metrics.countLost(
                    try await absence.listed(resource.kind, in: place.namespace, present: present, began: began))
            } catch {
                logger.error("the journal cannot be read", metadata: ["reason": "\(error)"])
            }
            present = []
        }
        // Events that come while the journal is being synced go into its next commit together.
        let buffer = EventBuffer<(event: Watcher.Event, time: Date)>(capacity: options.bufferedEvents)
        let watcher = Watcher(
            client, resource, namespace: place.namespace, pageSize: options.pageSize,
            fields: Capture.fields(of: resource),
            silence: options.silence, backoff: options.backoff,
            // Rules hold for what was there before them too.
            generation: { [rules = capture.rules] in rules.generation(of: resource.kind) })
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in watcher { await buffer.add((event, journal.clock.date)) }
                await buffer.finish()
            }
            defer { group.cancelAll() }
            while let events = await buffer.take() {
                var changed: [(KubernetesObject, isDeleted: Bool)] = []
                for (event, time) in events {
                    switch event {
                    case .applied(let object): changed.append((object, false))
                    case .deleted(let object): changed.append((object, true))
                    default:
                        // In the order in which it was told.
                        await keep(changed, logger)
                        changed = []
                    }
                    switch event {
                    case .applied, .deleted: lastInterruption = ""
                    case .listing:
                        present = []
                        began = time
                    case .page(let objects):
                        for object in objects { present.insert(object.uid.hashValue) }
                        await keep(objects.map { ($0, false) }, logger)
                    case .listed:
                        (lastInterruption, refusals, wasListed) = ("", 0, true)
                        metrics.updateWatches { $0.listed(place.name) }
                        capture.retain(resource.kind, in: place.namespace) { [present] in
                            present.contains($0.hashValue)
                        }
                        await tellAbsence()
                        for list in lists { await list.arrived(place.name) }
                    case .watching:
                        refusals = 0
                        // Not each time that the watch is opened anew.
                        if wasListed { logger.info("watching") }
                        wasListed = false
                        metrics.updateWatches { $0.isWatching(place.name) }
                    case .unreadable(let object):
                        present.insert(object.uid.hashValue)
                        metrics.countSetAside("unreadable_object")
                        if let others = unreadable.admit(at: ContinuousClock.now - asked) {
                            logger.warning(
                                "left out",
                                metadata: ["reason": "\(object.reason.prefix(500))", "andOthers": "\(others)"])
                        }
                    case .interrupted(let why):
                        metrics.countInterruption(resource.plural, cause: Self.cause(of: why))
                        let text = Self.describe(why)
                        if case .refused(let error) = why {
                            if error.isNotFound {
                                await buffer.close()
                                return .absent
                            }
                            refusals += 1
                        }
                        metrics.updateWatches {
                            $0.failed(place.name, text, isForbidden: Self.isForbidden(why), at: .now)
                        }
                        // The same trouble is told once, not at every attempt.
                        if text != lastInterruption { logger.warning("\(text)") }
                        lastInterruption = text
                        // A server that has just started refuses what it allows a moment later: it is asked a few
                        // times, and as long as it refuses everybody.
                        let hasRoles = await installed.isAuthorized
                        let isRefusedForGood =
                            refusals >= Self.patientRefusals && (hasRoles || metrics.haveAnyListed)
                            || ContinuousClock.now - asked > Self.patience
                        if !Self.isForbidden(why) || isRefusedForGood {
                            for list in lists { await list.arrived(place.name) }
                        }
                    }
                }
                await keep(changed, logger)
            }
            return .ended
        }
    }

    private static func isForbidden(_ interruption: Watcher.Interruption) -> Bool {
        if case .refused(let error) = interruption { error.status == 403 } else { false }
    }

    private static func cause(of interruption: Watcher.Interruption) -> String {
        switch interruption {
        case .expired: "expired"
        case .silent: "silent"
        case .refused(let error): "refused_\(error.status)"
        case .disconnected: "disconnected"
        case .ended: "ended"
        }
    }

    private static func describe(_ interruption: Watcher.Interruption) -> String {
        switch interruption {
        case .expired: "the watch expired; listing again"
        case .silent: "the watch said nothing; listing again"
        case .refused(let error): "refused, trying again: \(error)"
        case .disconnected(let reason): "disconnected, trying again: \(reason)"
        case .ended(let duration): "the server ended the watch before its time, after \(Int(duration / .seconds(1))) s"
        }
    }

    /// Captures objects into the journal. They count as seen only when that succeeded.
    func keep(_ objects: [(KubernetesObject, isDeleted: Bool)], _ logger: Logger) async {
        guard !objects.isEmpty else { return }
        await record(objects, logger)
        // What came before what it is read with. Each is read again once for all that came now.
        let due = capture.due()
        if !due.isEmpty { await record(due.map { ($0.object, $0.isDeleted) }, logger) }
    }

    private func record(_ objects: [(KubernetesObject, isDeleted: Bool)], _ logger: Logger) async {
        var executions: [Execution] = []
        var pods: [(KubernetesObject, [Execution], isDeleted: Bool)] = []
        var serving: [Capture.Serving] = []
        var offloaded: [Journal.Offloaded] = []
        var problems: [(problems: [Problem], origin: Execution.Origin)] = []
        for (object, isDeleted) in objects {
            let result = capture(object, isDeleted: isDeleted)
            executions += result.everything
            if isDeleted, object.kind == "Pod" { gonePods.add(object.uid) }
            if podGuard != nil, object.kind == "Pod" { pods.append((object, result.executions, isDeleted)) }
            if let found = result.serving, found.isReplaced { serving.append(found) }
            // A ReplicaSet may tell of its service.
            let other = object.kind == "ReplicaSet" ? result.executions.first?.mainOrigin : nil
            let origin =
                other
                ?? Execution.Origin(
                    kind: object.kind, namespace: object.namespace, name: object.name, uid: object.uid)
            var found = result.problems + result.executions.flatMap(\.problems)
            if let nodes = result.offloaded, argoServer != nil {
                found.removeAll { $0 == nodes.problem }
                offloaded.append(
                    .init(
                        uid: object.uid, namespace: object.namespace, name: object.name, version: nodes.version,
                        hasEnded: isDeleted || result.run?.state.isFinal == true, attempts: 0))
            }
            if !found.isEmpty { problems.append((found, origin)) }
        }
        var backoff = options.backoff
        while !Task.isCancelled {
            do {
                try await journal.record(executions) { ownership.owns($0) }
                for found in serving {
                    try await journal.endRevisions(
                        found.prefix, except: found.live, at: found.end, age: found.age, isOwned: { ownership.owns($0) }
                    )
                }
                for workflow in offloaded { try await journal.want(workflow, every: Self.offloadedInterval) }
                for (pod, executions, isDeleted) in pods {
                    await podGuard?.saw(pod, executions, isDeleted: isDeleted)
                }
                // Only when nothing can be lost any more.
                for (problems, origin) in problems {
                    metrics.countProblems(problems.count)
                    if ownership.owns(origin.namespace) { await reporter.report(problems, about: origin) }
                }
                return
            } catch {
                logger.error("the journal cannot be written, trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: backoff.delay())
            }
        }
    }
}
