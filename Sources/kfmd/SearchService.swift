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
    /// - Parameter path: a file, `off`, or nothing for one beside the store. Where that cannot be made, there is none: the
    ///   store is served all the same.
    /// - Throws: ``Failure``.
    static func openSearch(_ path: String?, of store: MetadataStore, _ logger: Logger) throws -> SearchIndex? {
        guard path != "off" else { return nil }
        // On a server there is no place beside the store; names are found all the same.
        if path == nil, store.path == nil { return nil }
        do {
            return try SearchIndex(of: store, path: path)
        } catch let error as StoreFileError where path == nil {
            logger.warning("there is no search: its index cannot be made", metadata: ["reason": "\(error)"])
            return nil
        } catch let error as StoreFileError {
            throw Failure.runtime("--search: \(error)")
        }
    }
}
