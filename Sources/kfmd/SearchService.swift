import Logging
import MetadataStore
import ServiceLifecycle

/// Keeps the search index up with its store while the service runs.
struct SearchService: Service {
    let index: SearchIndex
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await index.run { error in
                logger.warning(
                    "the search index could not be filled; trying again in a minute", metadata: ["error": "\(error)"])
            }
        }
    }
}

extension Settings {
    /// - Parameter path: a file, `off`, or nothing for one beside the store.
    /// - Throws: ``Failure``.
    static func openSearch(_ path: String?, of store: MetadataStore) throws -> SearchIndex? {
        guard path != "off" else { return nil }
        do {
            return try SearchIndex(of: store, path: path)
        } catch let error as StoreFileError {
            throw Failure.runtime("--search: \(error)")
        }
    }
}
