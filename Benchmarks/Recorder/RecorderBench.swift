import ArgumentParser

/// What `make bench` runs to measure the recorder; not part of the product.
@main struct RecorderBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recorder-bench",
        subcommands: [ParsingBenchmark.self, CaptureBenchmark.self, ClusterCommand.self, WriterCommand.self])
}
