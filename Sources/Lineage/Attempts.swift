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
        // Each pod is of one attempt: one that began when another of the same attempt had ended is of the next.
        let others = telling.filter { !$0.repeatsUnderOneIdentity && $0.start != nil }.sorted(by: order)
        for sight in others {
            guard let begin = sight.start else { continue }
            guard !begins.isEmpty else {
                begins.append(begin)
                continue
            }
            let place = begins.lastIndex { $0.addingTimeInterval(-tolerance) <= begin }
            guard let place else {
                // It is of the first, as long as it did not end before that began.
                let isBefore =
                    sight.state.isFinal && sight.end.map { $0.addingTimeInterval(tolerance) < begins[0] } ?? false
                if isBefore { begins.insert(begin, at: 0) }
                continue
            }
            let hasEnded = telling.contains { other in
                guard other.state.isFinal, let end = other.end, let start = other.start else { return false }
                return start.addingTimeInterval(tolerance) >= begins[place] && end.addingTimeInterval(tolerance) < begin
            }
            if hasEnded { begins.insert(begin, at: place + 1) }
        }
        return begins
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
