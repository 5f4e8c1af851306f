import FoundationEssentials
import MetadataAPI
import SQLite
import SwiftProtobuf

/// How a list is ordered and cut, from a request's options.
struct ListPage {
    /// The page size; `nil` for everything.
    var size: Int?
    var field: String
    var ascending: Bool
    /// Where the page begins: after this value of the field, and this id.
    var after: (field: Int64, id: Int64)?
    var options: MlMetadata_ListOperationOptions

    /// - Throws: ``StatusError``, INVALID_ARGUMENT.
    init(_ options: MlMetadata_ListOperationOptions?) throws {
        guard let options else {
            self.options = MlMetadata_ListOperationOptions()
            size = nil
            field = "id"
            ascending = true
            return
        }
        guard options.maxResultSize > 0 else {
            throw StatusError.invalidArgument(
                "max_result_size field value is required to be greater than 0. Set value: "
                    + "\(options.maxResultSize)")
        }
        self.options = options
        size = Int(options.maxResultSize)
        ascending = options.orderByField.isAsc
        switch options.orderByField.field {
        case .createTime: field = "create_time_since_epoch"
        case .lastUpdateTime: field = "last_update_time_since_epoch"
        case .id: field = "id"
        case .unspecified:
            throw StatusError.invalidArgument("order_by_field field is required to be set.")
        }
        if options.hasNextPageToken, !options.nextPageToken.isEmpty {
            after = try Self.decode(options.nextPageToken, for: options)
        }
    }

    private static func decode(
        _ token: String, for options: MlMetadata_ListOperationOptions
    ) throws -> (field: Int64, id: Int64) {
        guard let data = Data(base64Encoded: token),
            let page = try? MlMetadata_ListOperationNextPageToken(serializedBytes: data)
        else { throw StatusError.invalidArgument("next_page_token is not one that this store gave.") }
        guard page.setOptions.orderByField == options.orderByField,
            page.setOptions.filterQuery == options.filterQuery
        else {
            throw StatusError.invalidArgument(
                "next_page_token comes from a list with another order_by_field or filter_query.")
        }
        return (page.fieldOffset, page.idOffset)
    }

    /// The token of the page that begins after a node.
    func token(after node: some Node) throws -> String {
        var page = MlMetadata_ListOperationNextPageToken()
        page.idOffset = node.id
        page.fieldOffset =
            switch field {
            case "create_time_since_epoch": node.createTimeSinceEpoch
            case "last_update_time_since_epoch": node.lastUpdateTimeSinceEpoch
            default: node.id
            }
        page.setOptions = options
        page.setOptions.clearNextPageToken()
        let bytes: Data = try page.serializedBytes()
        return bytes.base64EncodedString()
    }

    /// The page's nodes, and the token of the next page when there is more.
    /// - Parameters:
    ///   - condition: of the list itself, in addition to the filter query.
    ///   - context: only the nodes of this context.
    func fetch<N: Node>(
        _ transaction: Transaction, where condition: Condition? = nil, inContext context: Int64? = nil
    ) throws -> (nodes: [N], token: String?) {
        var conditions = [condition].compactMap { $0 }
        if options.hasFilterQuery, !options.filterQuery.isEmpty {
            conditions.append(try FilterSQL.condition(options.filterQuery, on: N.kind, transaction.connection.dialect))
        }
        let query = NodeQuery(
            kind: N.kind, condition: .all(conditions), context: context,
            order: NodeQuery.Order(field: field, ascending: ascending, after: after),
            limit: size.map { $0 + 1 })
        var rows: [N] = try query.rows(
            transaction.columns(N.self), transaction.connection, row: transaction.readNode)
        let hasMore = size.map { rows.count > $0 } ?? false
        if hasMore { rows.removeLast() }
        let token = try hasMore ? rows.last.map { try self.token(after: $0) } : nil
        return (try transaction.complete(rows), token)
    }
}
