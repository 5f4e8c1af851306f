import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import MetadataAPI
import MetadataStore
import Recorder

extension MetadataStore {
    /// All that is in the store, up to ids and the times that the server sets: a line a node, property, event and link.
    func text() async throws -> [String] {
        try await read { transaction in
            let executions = try transaction.getExecutions(.init()).executions
            let artifacts = try transaction.getArtifacts(.init()).artifacts
            let contexts = try transaction.getContexts(.init()).contexts
            var lines: [String] = []
            func properties(_ node: String, _ values: [[String: MlMetadata_Value]]) {
                for (place, values) in zip(["", "custom "], values) {
                    // What is kept for merging names sights in no order.
                    for (name, value) in values where name != "__kfmd_sights__" && name != "__kfmd_statements__" {
                        // Evidence is a set of lines.
                        let text = value.textFormatString().split(separator: "\\n").sorted().joined(separator: " | ")
                        lines.append("\(node) \(place)\(name) = \(text)")
                    }
                }
            }
            var names: [Int64: String] = [:]
            for node in executions {
                names[node.id] = node.externalID
                lines.append("\(node.externalID) is \(node.type) \(node.lastKnownState)")
                properties(node.externalID, [node.properties, node.customProperties])
            }
            var artifactNames: [Int64: String] = [:]
            for node in artifacts {
                artifactNames[node.id] = node.externalID
                lines.append("\(node.externalID) is \(node.type) \(node.state) at \(node.uri)")
                properties(node.externalID, [node.properties, node.customProperties])
            }
            let events = try transaction.getEventsByExecutionIDs(.with { $0.executionIds = executions.map(\.id) })
                .events
            for event in events {
                let path = event.path.steps.map(\.key).joined(separator: ".")
                // Made-up objects are older.
                let isServers = event.millisecondsSinceEpoch > Int64(Date().timeIntervalSince1970 - 3600) * 1000
                lines.append(
                    "\(names[event.executionID] ?? "?") \(event.type) \(artifactNames[event.artifactID] ?? "?") \(path) "
                        + (isServers ? "(server)" : "\(event.millisecondsSinceEpoch)"))
            }
            for context in contexts {
                let name = "\(context.type) \(context.name)"
                properties(name, [context.properties, context.customProperties])
                lines.append(name)
                let id = context.id
                for node in try transaction.getExecutionsByContext(.with { $0.contextID = id }).executions {
                    lines.append("\(name) has \(node.externalID)")
                }
                for node in try transaction.getArtifactsByContext(.with { $0.contextID = id }).artifacts {
                    lines.append("\(name) has \(node.externalID)")
                }
                for parent in try transaction.getParentContextsByContext(.with { $0.contextID = id }).contexts {
                    lines.append("\(name) is in \(parent.type) \(parent.name)")
                }
            }
            return lines.sorted()
        }
    }

    /// Records objects as one command does.
    /// - Returns: what was not understood.
    @discardableResult
    func record(_ objects: [KubernetesObject], cluster: String = "c") async throws -> [String] {
        try await record(objects.map { ($0, false) }, cluster: cluster)
    }

    /// Records what a watch told, as one command does.
    @discardableResult
    func record(_ told: [(object: KubernetesObject, isDeleted: Bool)], cluster: String = "c") async throws -> [String] {
        let capture = Capture(cluster: cluster)
        for (object, isDeleted) in told { capture.learn(object, isDeleted: isDeleted) }
        var importer = try Importer(
            capture: capture, backend: self, folder: ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")
        for (object, isDeleted) in told {
            try await importer.add(.object(object, isDeleted: isDeleted), of: "file")
        }
        return try await importer.finish().problems
    }
}
