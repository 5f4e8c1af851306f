/// What a reader may see of a store. Every query of the pages has one, counts too.
///
/// Everything, for now: whoever reaches the service sees all. Rights of workspaces narrow it here, so that no query
/// of a page has to be found again.
public struct Visibility: Sendable, Hashable {
    private init() {}

    /// The whole store.
    public static let all = Visibility()
}
