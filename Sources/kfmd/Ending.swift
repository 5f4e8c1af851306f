import Dispatch
import Logging
import ServiceLifecycle

/// How the process ends: in good order on a signal, and in any case soon.
enum Ending {
    /// How long requests and connections have to finish. Kubernetes kills after 30 seconds.
    static let graceful: Duration = .seconds(15)
    /// When the process ends whatever still runs.
    private static let atLast = DispatchTimeInterval.seconds(19)

    static func configuration(_ services: [any Service], _ logger: Logger) -> ServiceGroupConfiguration {
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) } + [.init(service: Deadline(logger: logger))],
            // A terminal that closes says SIGHUP.
            gracefulShutdownSignals: [.sigterm, .sigint, .sighup], logger: logger)
        configuration.maximumGracefulShutdownDuration = graceful
        return configuration
    }

    /// Ends the process a while after it was told to end. By a timer of Dispatch: a task may find all threads busy
    /// with what does not end.
    private struct Deadline: Service {
        let logger: Logger

        func run() async throws {
            try await withGracefulShutdownHandler {
                try await gracefulShutdown()
            } onGracefulShutdown: { [logger] in
                DispatchQueue.global().asyncAfter(deadline: .now() + atLast) {
                    logger.error("something does not end; ending without it")
                    endProcess(1)
                }
            }
        }
    }
}
