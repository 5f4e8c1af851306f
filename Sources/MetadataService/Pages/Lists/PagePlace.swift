import FoundationEssentials
import MetadataAPI
import MetadataStore

/// Where a page of a list begins, as its address says it: the time and the number of the node before it.
///
/// MLMD's own token repeats the filter, and with a long one the address would be too long for proxies and for this server.
struct PagePlace {
    var time: Int64
    var id: Int64

    /// `1764500000000.12`.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Int64(parts[0]), let id = Int64(parts[1]) else { return nil }
        (self.time, self.id) = (time, id)
    }

    /// The place that a token of the store names.
    init?(token: String) {
        guard let data = Data(base64Encoded: token),
            let page = try? MlMetadata_ListOperationNextPageToken(serializedBytes: data)
        else { return nil }
        (time, id) = (page.fieldOffset, page.idOffset)
    }

    var text: String { "\(time).\(id)" }

    /// The store's token for a list with these options.
    func token(_ options: MlMetadata_ListOperationOptions) -> String? {
        let page = MlMetadata_ListOperationNextPageToken.with {
            ($0.fieldOffset, $0.idOffset, $0.setOptions) = (time, id, options)
        }
        let bytes: Data? = try? page.serializedBytes()
        return bytes?.base64EncodedString()
    }
}
