/// A lineage as text: a line an execution, in the order of time, what it read before the arrow and
/// what it wrote after it.
public struct LineageText: Sendable {
    public let lines: [String]

    public init(_ graph: MlMetadata_LineageGraph) {
        let titles = Dictionary(
            graph.artifacts.map { ($0.id, $0.version.isEmpty ? $0.title : "\($0.title) (\($0.version))") }
        ) { first, _ in first }
        let events = Dictionary(grouping: graph.events, by: \.executionID)
        func names(_ execution: Int64, _ isInput: Bool) -> String {
            let all = (events[execution] ?? []).filter { $0.isInput == isInput }
                .compactMap { event in
                    // A folder of which it wrote a file.
                    titles[event.artifactID].map { event.isInferred ? "part of \($0) (inferred)" : $0 }
                }.sorted()
            return all.isEmpty ? "·" : all.joined(separator: ", ")
        }
        let sorted = graph.executions.sorted { one, two in
            let times = [one, two].map { $0.customProperties[PropertyName.startTime]?.text ?? "~" }
            return (times[0], one.id) < (times[1], two.id)
        }
        let rows = sorted.map { execution in
            [
                execution.runTitle, execution.title, execution.stateName,
                "\(names(execution.id, true)) → \(names(execution.id, false))",
            ]
        }
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        lines = rows.map { row in
            let cells = (0..<3).map { row[$0] + String(repeating: " ", count: widths[$0] - row[$0].count) }
            return (cells + [row[3]]).joined(separator: "  ")
        }
    }
}
