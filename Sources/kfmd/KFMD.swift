import ArgumentParser
import FoundationEssentials
import Logging

/// The command line: one file a subcommand, no logic of its own.
@main
struct KFMD: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kfmd",
        abstract: "Records what ran on a Kubernetes cluster, and is the metadata service it records into.",
        discussion: """
            Try it without a cluster:
              kfmd demo
            See what would be recorded of objects that you have, without writing anything:
              kubectl get workflow,pod -A -o json | kfmd explain -
            Keep the record of a cluster in one file, and look at it:
              kfmd serve --store metadata.db
              kfmd record --metadata localhost:8080

            Options can be given as environment variables: --store as KFMD_STORE.
            Exit status: 0 success, 64 a wrong option or file, 1 a failure while
            running, or objects that could not be understood.
            """,
        version: Version.text,
        subcommands: [
            Serve.self, Record.self, Import.self, Explain.self, Lineage.self, SidecarCommand.self, Webhook.self,
            RBAC.self,
            Demo.self, MetadataStoreServerCommand.self, VersionCommand.self,
        ])

    /// Not `async`: the main thread of such a program ends by pthread_exit (dispatch_main), for which glibc loads
    /// libgcc_s.so.1. The image has none, and the process would be aborted at its start.
    static func main() {
        Task.detached {
            await runCommand()
            endProcess(0)
        }
        parkThread()
    }

    /// Under the name of ML Metadata's server, its command: where the image takes that server's place.
    private static var arguments: [String] {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let name = CommandLine.arguments.first?.split(separator: "/").last.map(String.init)
        let command = MetadataStoreServerCommand.name
        return name == command ? [command] + arguments : arguments
    }

    private static func runCommand() async {
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(error)
        }
    }

    /// One line on standard error; help and version as they are.
    private static func exit(_ error: any Error) -> Never {
        if let failure = error as? Failure {
            StandardError.write("kfmd: \(failure.message)\n")
            endProcess(failure.code)
        }
        let code = exitCode(for: error)
        if code == .validationFailure {
            StandardError.write("kfmd: \(message(for: error))\n")
            endProcess(code.rawValue)
        }
        if code.isSuccess { exit(withError: error) }
        StandardError.write("kfmd: \(Failure.line("\(error)"))\n")
        endProcess(1)
    }
}

/// An end with a reason, in one line.
struct Failure: Error {
    var message: String
    var code: Int32

    /// A wrong option or file.
    static func usage(_ message: String) -> Failure { Failure(message: line(message), code: 64) }

    /// Something that failed while running.
    static func runtime(_ message: String) -> Failure { Failure(message: line(message), code: 1) }

    static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
