public import MetadataAPI
import SQLite

/// A page of a list, with the tokens of those before and after it.
public struct ListSlice<Node: Sendable>: Sendable {
    public var nodes: [Node] = []
    /// `nil` at the end of the list.
    public var next: String?
    /// `nil` at its beginning. It is read backwards.
    public var previous: String?
    /// How many nodes the whole list has; `nil` where that was not asked, or counting would take too long.
    public var count: BoundedCount?

    public init(nodes: [Node] = []) { self.nodes = nodes }
}

/// Lists that can be read both ways.
extension Transaction {
    /// Counts go so far.
    private static let countLimit = 1_000
    /// What counting may cost, in hundreds of thousands of SQLite's steps: some 10 ms.
    private static let countSteps = 5

    /// - Parameters:
    ///   - isBackward: whether the token is a ``ListSlice/previous`` one.
    ///   - context: only the artifacts of this context.
    ///   - isCounted: whether the whole list is counted, which may cost more than the page.
    /// - Throws: ``StatusError``.
    public func artifactSlice(
        _ options: MlMetadata_ListOperationOptions, isBackward: Bool = false, inContext context: Int64? = nil,
        isCounted: Bool = false, seenBy visibility: Visibility
    ) throws -> ListSlice<MlMetadata_Artifact> { try slice(options, isBackward, context, isCounted) }

    /// As ``artifactSlice(_:isBackward:inContext:isCounted:seenBy:)``.
    /// - Throws: ``StatusError``.
    public func executionSlice(
        _ options: MlMetadata_ListOperationOptions, isBackward: Bool = false, inContext context: Int64? = nil,
        isCounted: Bool = false, seenBy visibility: Visibility
    ) throws -> ListSlice<MlMetadata_Execution> { try slice(options, isBackward, context, isCounted) }

    /// As ``artifactSlice(_:isBackward:inContext:isCounted:seenBy:)``.
    /// - Throws: ``StatusError``.
    public func contextSlice(
        _ options: MlMetadata_ListOperationOptions, isBackward: Bool = false, isCounted: Bool = false,
        seenBy visibility: Visibility
    ) throws -> ListSlice<MlMetadata_Context> { try slice(options, isBackward, nil, isCounted) }

    private func slice<N: Node>(
        _ options: MlMetadata_ListOperationOptions, _ isBackward: Bool, _ context: Int64?,
        _ isCounted: Bool
    ) throws -> ListSlice<N> {
        var reverse = options
        reverse.orderByField.isAsc.toggle()
        let page = try ListPage(isBackward ? reverse : options)
        let (nodes, more): ([N], String?) = try page.fetch(self, inContext: context)
        var result = ListSlice<N>(nodes: isBackward ? nodes.reversed() : nodes)
        // The other way leads on from the node at the other end.
        let (first, last) = (result.nodes.first, result.nodes.last)
        if isBackward {
            result.previous = more
            result.next = try last.map { try ListPage(options.withoutToken).token(after: $0) }
        } else {
            result.next = more
            if options.hasNextPageToken, !options.nextPageToken.isEmpty {
                result.previous = try first.map { try ListPage(reverse.withoutToken).token(after: $0) }
            }
        }
        if isCounted { result.count = try count(N.kind, options.filterQuery, inContext: context) }
        return result
    }

    /// How many nodes fulfil a filter, within a bound of number and work.
    private func count(_ kind: NodeKind, _ filter: String, inContext context: Int64?) throws -> BoundedCount? {
        let condition =
            filter.isEmpty ? Condition(sql: "TRUE") : try FilterSQL.condition(filter, on: kind, connection.dialect)
        let query = NodeQuery(kind: kind, condition: condition, context: context, limit: Self.countLimit + 1)
        let count = try connection.bounded(steps: Self.countSteps) {
            try query.rows("n.id", connection) { _ in }.count
        }
        return count.map { BoundedCount(min($0, Self.countLimit), isExact: $0 <= Self.countLimit) }
    }
}

extension MlMetadata_ListOperationOptions {
    fileprivate var withoutToken: Self {
        var copy = self
        copy.clearNextPageToken()
        return copy
    }
}
