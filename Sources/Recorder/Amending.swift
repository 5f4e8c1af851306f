import MetadataAPI

/// Whether a store takes corrections: ours does, any other of ML Metadata's protocol does not. Asked once.
actor Amending {
    private let backend: any MetadataBackend
    private var known: Bool?

    init(_ backend: any MetadataBackend) { self.backend = backend }

    /// The store may have been replaced by another.
    func forget() { known = nil }

    /// - Throws: ``StatusError`` when the store cannot be reached.
    func isSupported() async throws -> Bool {
        if let known { return known }
        do {
            _ = try await backend.amend(.init())
            known = true
            return true
        } catch let error as StatusError where error.code == .unimplemented {
            known = false
            return false
        }
    }
}
