import FoundationEssentials
import Lineage
import MetadataAPI
import MetadataStore

/// Two to six nodes side by side, a row a fact.
struct Comparison: Sendable {
    /// What rows are about, in the order in which they are shown.
    enum Group: String, CaseIterable, Sendable {
        case outcome = "How it went"
        case parameters = "Parameters"
        case inputs = "Inputs"
        case metrics = "Metrics"
        case durations = "How long the steps took"
        case results = "Results"
        case properties = "Properties"
    }

    struct Row: Sendable {
        var group: Group
        var name: String
        /// A text a node, empty where it has none.
        var values: [String]
        /// The same as numbers, where all that are there are.
        var numbers: [Double?] = []

        /// Of numbers the texts are rounded.
        var isEqual: Bool {
            let known = numbers.compactMap { $0 }
            return known.count == values.count ? Set(known).count <= 1 : Set(values).count <= 1
        }
    }

    /// A column.
    struct Subject: Sendable {
        var title: String
        var path: String
    }

    private(set) var subjects: [Subject] = []
    private(set) var rows: [Row] = []

    /// What is known of one node: texts by group and name.
    struct Facts: Sendable {
        private(set) var texts: [Group: [String: String]] = [:]
        private(set) var numbers: [Group: [String: Double]] = [:]
        private static let most = 2_000

        mutating func set(_ group: Group, _ name: String, _ text: String) {
            guard !text.isEmpty, texts[group, default: [:]].count < Self.most else { return }
            // Several of one name, such as three inputs of one kind, stand together.
            let before = texts[group]?[name]
            texts[group, default: [:]][name] = before.map { "\($0), \(text)" } ?? text
        }

        mutating func set(_ group: Group, _ name: String, _ number: Double, text: String? = nil) {
            guard texts[group]?[name] == nil else { return }
            set(group, name, text ?? Plot.format(number))
            numbers[group, default: [:]][name] = number
        }
    }

    init(_ all: [(subject: Subject, facts: Facts)]) {
        subjects = all.map(\.subject)
        for group in Group.allCases {
            let names = Set(all.flatMap { $0.facts.texts[group].map { Array($0.keys) } ?? [] })
            for name in names.sorted() {
                let values = all.map { $0.facts.texts[group]?[name] ?? "" }
                let numbers = all.map { $0.facts.numbers[group]?[name] }
                rows.append(Row(group: group, name: name, values: values, numbers: numbers))
            }
        }
    }

    // MARK: What is compared

    static func facts(
        _ execution: MlMetadata_Execution, inputs: [(MlMetadata_Event, MlMetadata_Artifact)],
        outputs: [(MlMetadata_Event, MlMetadata_Artifact)]
    ) -> Facts {
        var facts = Facts()
        set(execution.outcome, &facts)
        for (name, value) in execution.values(below: PropertyName.parameterPrefix) {
            facts.set(.parameters, name, value.text)
        }
        for (name, value) in execution.values(below: PropertyName.resultPrefix) {
            facts.set(.results, name, value.text)
        }
        for (event, artifact) in inputs {
            facts.set(.inputs, event.key.isEmpty ? artifact.title : event.key, told(artifact))
        }
        for (_, artifact) in outputs { set(numbersOf: artifact, &facts) }
        set(propertiesOf: execution, &facts)
        return facts
    }

    static func facts(
        _ artifact: MlMetadata_Artifact, writer: MlMetadata_Execution?,
        inputs: [(MlMetadata_Event, MlMetadata_Artifact)]
    ) -> Facts {
        var facts = Facts()
        for (name, value) in artifact.numbers { facts.set(.metrics, name, value) }
        for (name, value) in artifact.values(below: PropertyName.hyperparameterPrefix) {
            facts.set(.parameters, name, value.text)
        }
        if let writer {
            set(writer.outcome, &facts)
            for (name, value) in writer.values(below: PropertyName.parameterPrefix) {
                facts.set(.parameters, name, value.text)
            }
        }
        for (event, input) in inputs { facts.set(.inputs, event.key.isEmpty ? input.title : event.key, told(input)) }
        facts.set(.properties, "uri", artifact.uri)
        set(propertiesOf: artifact, &facts)
        return facts
    }

    static func facts(_ run: RunPage.Model) -> Facts {
        var facts = Facts()
        set(run.run.outcome, &facts)
        for (name, value) in run.run.values(below: PropertyName.parameterPrefix) {
            facts.set(.parameters, name, value.text)
        }
        for (name, value) in run.run.values(below: PropertyName.resultPrefix) { facts.set(.results, name, value.text) }
        let written = Set(run.events.filter { !$0.isInput }.map(\.artifactID))
        for event in run.events.uniqued(by: \.artifactID) where event.isInput && !written.contains(event.artifactID) {
            if let artifact = run.artifacts[event.artifactID] { facts.set(.inputs, artifact.title, told(artifact)) }
        }
        for id in written.sorted() { if let artifact = run.artifacts[id] { set(numbersOf: artifact, &facts) } }
        for step in run.steps {
            if let seconds = step.outcome.seconds {
                facts.set(.durations, step.title, seconds, text: PageFrame.duration(seconds))
            }
            for (name, value) in step.values(below: PropertyName.parameterPrefix) {
                facts.set(.parameters, "\(step.title): \(name)", value.text)
            }
        }
        set(propertiesOf: run.run, &facts)
        return facts
    }

    private static func set(_ outcome: Outcome, _ facts: inout Facts) {
        facts.set(.outcome, "state", outcome.state)
        if let start = outcome.start { facts.set(.outcome, "started", PageFrame.time(start)) }
        if let seconds = outcome.seconds { facts.set(.outcome, "took", seconds, text: PageFrame.duration(seconds)) }
        facts.set(.outcome, "message", outcome.message.cut(to: 500))
    }

    private static func set(numbersOf artifact: MlMetadata_Artifact, _ facts: inout Facts) {
        for (name, value) in artifact.numbers { facts.set(.metrics, "\(artifact.title): \(name)", value) }
    }

    private static let notCompared: Set<String> = EvidenceLines.properties.union([
        PredefinedType.allMeta,
        PropertyName.startTime, PropertyName.endTime, PropertyName.message, PropertyName.state,
    ])

    /// Prefixes of what is compared under a heading of its own.
    private static let comparedApart = [
        PropertyName.parameterPrefix, PropertyName.resultPrefix, PropertyName.measuredPrefix,
        PropertyName.hyperparameterPrefix,
    ]

    private static func set(propertiesOf node: some ShownNode, _ facts: inout Facts) {
        let numbers = Set(node.numbers.map(\.name))
        for (name, value) in node.shownProperties
        where !notCompared.contains(name) && !comparedApart.contains(where: name.hasPrefix) && !numbers.contains(name) {
            facts.set(.properties, name, value.text.cut(to: 500))
        }
    }

    private static func told(_ artifact: MlMetadata_Artifact) -> String {
        artifact.version.isEmpty && !artifact.uri.isEmpty ? artifact.uri : artifact.titleAndVersion
    }
}

extension Sequence {
    /// The first element of each value of a key.
    func uniqued<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
        var seen: Set<Key> = []
        return filter { seen.insert(key($0)).inserted }
    }
}
