import Lineage

/// What sights of one execution come to, in the order in which they are given.
func together(_ sights: [Execution]) -> Execution? {
    guard let first = sights.first else { return nil }
    var record = Record(first)
    for sight in sights.dropFirst() { record.add(sight) }
    return record.current
}
