import FoundationEssentials

/// Which sights are of which attempt of a step that was repeated under one identity, as `argo retry` does.
enum Attempts {
    /// The clocks of two nodes, and the seconds that Kubernetes rounds to.
    private static let tolerance: TimeInterval = 2

    /// - Parameter known: in the order of their sources.
    /// - Returns: the sights of each attempt, the first attempt first. At least one.
    static func divide(_ known: [(source: Record.Source, seen: Record.Seen)]) -> [[Record.Seen]] {
        // Most steps have but one.
        if known.count < 2 { return [known.map(\.seen)] }
        let sights = withoutOutdated(known)
        let begins = begins(sights)
        if begins.count < 2 { return [sights.map(\.seen)] }
        var result = [[Record.Seen]](repeating: [], count: begins.count)
        for (_, seen) in sights { result[attempt(of: seen.sight, begins)].append(seen) }
        return result.filter { $0.contains { !$0.sight.isFragment } }
    }

    /// Without what an object said of a step before it began, where it said more later.
    private static func withoutOutdated(
        _ known: [(source: Record.Source, seen: Record.Seen)]
    ) -> [(source: Record.Source, seen: Record.Seen)] {
        known.filter { source, seen in
            guard seen.sight.repeatsUnderOneIdentity, seen.sight.start == nil else { return true }
            return !known.contains {
                $0.source.kind == source.kind && $0.source.object == source.object && $0.source != source
                    && seen.sight.age < $0.seen.sight.age
            }
        }
    }

    /// When each attempt began.
    private static func begins(_ sights: [(source: Record.Source, seen: Record.Seen)]) -> [Date] {
        // What tells of all attempts says when each of them began.
        var begins: [Date] = []
        var last: Execution?
        let telling = sights.map(\.seen.sight).filter { !$0.isFragment }
        let leading = telling.filter(\.repeatsUnderOneIdentity)
        for sight in leading.sorted(by: order) {
            // One that has not begun is the next after all that have ended.
            let begin = sight.start ?? last?.end.map { $0.addingTimeInterval(tolerance + 1) } ?? .distantPast
            if let last, let before = begins.last {
                guard begin.timeIntervalSince(before) > tolerance, !isWithin(begin, last) else { continue }
            }
            begins.append(begin)
            last = sight
        }
        // Pods that ended before all these began are of an attempt that only they tell of.
        var early: [Date] = []
        var end: Date?
        for sight in telling.filter({ !$0.repeatsUnderOneIdentity }).sorted(by: order) {
            guard let begin = sight.start, sight.state.isFinal, let its = sight.end else { continue }
            guard begins.first.map({ its.addingTimeInterval(tolerance) < $0 && begin <= its }) ?? true else { continue }
            if let end, begin <= end.addingTimeInterval(tolerance) { continue }
            early.append(begin)
            end = its
        }
        if begins.isEmpty {
            // Only pods: one that still runs, or ended without a time, is of the last attempt.
            for sight in telling.sorted(by: order) where !sight.state.isFinal || sight.end == nil {
                if let begin = sight.start, let end, begin > end.addingTimeInterval(tolerance),
                    begin > early.last ?? .distantPast
                {
                    early.append(begin)
                    break
                }
            }
        }
        return early + begins
    }

    /// Whether a time is within an attempt whose end was seen: of two clocks one may be behind.
    private static func isWithin(_ time: Date, _ attempt: Execution) -> Bool {
        guard attempt.state.isFinal, let end = attempt.end else { return false }
        return time <= end
    }

    private static func order(_ left: Execution, _ right: Execution) -> Bool {
        (left.start ?? .distantFuture, left.age) < (right.start ?? .distantFuture, right.age)
    }

    private static func attempt(of sight: Execution, _ begins: [Date]) -> Int {
        let last = begins.count - 1
        var time = sight.start ?? sight.end
        if sight.isFragment, sight.age.time > 0 { time = Timestamp.date(milliseconds: sight.age.time) }
        guard let time else { return last }
        // Where it began within the tolerance before an attempt, it is of that one, unless it ended before.
        let found = begins.lastIndex { $0.addingTimeInterval(-tolerance) <= time } ?? 0
        if found > 0, let end = sight.end, end.addingTimeInterval(tolerance) < begins[found] { return found - 1 }
        return found
    }
}
