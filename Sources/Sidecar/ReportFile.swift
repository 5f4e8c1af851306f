import Capture
import JSON
import Lineage

/// What a step says itself: JSON lines in the file that `metadata.kubeflow.org/report-path` names. Each line is an object with
/// one or more of `input`, `output` (an artifact as in the annotations), `metrics`, `parameters` (values by name).
enum ReportFile {
    /// In bytes, and in lines.
    static let longest = 1 << 20
    static let mostLines = 1_000
    /// Values of a line: one of two bytes takes dozens in memory.
    private static let mostValues = 20_000
    /// Metrics, and parameters.
    private static let mostNames = Budget.properties

    /// Reads the file into a report.
    /// - Throws: ``SystemFile/Refusal``.
    static func read(_ path: String, _ volumes: Volumes, into report: inout SidecarReport) throws(SystemFile.Refusal) {
        let file = try volumes.open(path)
        guard file.kind == .file else { throw .init(description: "is no file") }
        var bytes = try file.read(upTo: longest + 1)
        if bytes.count > longest {
            report.problems.append("report: has more than \(longest) bytes; the rest is left out")
            // A line that is cut is none.
            let end = bytes[..<longest].lastIndex(of: UInt8(ascii: "\n")) ?? 0
            bytes.removeLast(bytes.count - end)
        }
        parse(bytes, into: &report)
    }

    /// Of metrics and parameters of one name the last counts.
    static func parse(_ bytes: [UInt8], into report: inout SidecarReport) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.count > mostLines + 1 {
            report.problems.append("report: has more than \(mostLines) lines; the others are left out")
        }
        for (index, line) in lines.prefix(mostLines).enumerated() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            let place = "report, line \(index + 1)"
            let object: JSONObject
            do throws(JSONError) {
                guard let found = try JSONValue(parsing: Array(line), maximumValues: mostValues).object else {
                    report.problems.append("\(place): should be a JSON object")
                    continue
                }
                object = found
            } catch {
                report.problems.append("\(place): \(error)")
                continue
            }
            for member in object {
                switch member.key {
                case "input", "inputs": report.inputs += member.value.array ?? [member.value]
                case "output", "outputs": report.outputs += member.value.array ?? [member.value]
                case "metrics": add(member.value, to: &report.metrics, "\(place), metrics", &report.problems)
                case "parameters": add(member.value, to: &report.parameters, "\(place), parameters", &report.problems)
                default:
                    report.problems.append(
                        "\(place): \(member.key.prefix(100)) is not known; should be input, output, metrics or parameters"
                    )
                }
            }
        }
    }

    private static func add(
        _ value: JSONValue, to values: inout [(name: String, value: JSONValue)], _ place: String,
        _ problems: inout [String]
    ) {
        guard let object = value.object else {
            problems.append("\(place): \(value.kindName) where an object should be")
            return
        }
        var places = Dictionary(values.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
        for member in object {
            if let index = places[member.key] {
                values[index].value = member.value
            } else if values.count < mostNames {
                places[member.key] = values.count
                values.append((member.key, member.value))
            } else {
                problems.append("\(place): more than \(mostNames) names; the others are left out")
                return
            }
        }
    }
}
