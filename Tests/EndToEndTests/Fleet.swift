import JSON

/// Workflows of Argo Workflows 3.6 with their pods, as the events in which an API server tells of them.
///
/// Each workflow is a chain of steps; each reads what the one before wrote.
struct Fleet {
    struct Event {
        var type: String
        var object: JSONValue
    }

    let workflows: Int
    let steps: Int

    var stepCount: Int { workflows * steps }

    static func uid(_ workflow: Int, _ step: Int = 0) -> String {
        "5c1d7c1e-0000-4000-8000-" + String(String(1_000_000_000_000 + workflow * 1000 + step).dropFirst())
    }

    /// What happens to a workflow, in order. Each event is a later state, so that any may be left out
    /// but the last of each object.
    func events(of workflow: Int) -> [Event] {
        var events = [Event(type: "ADDED", object: object(workflow, ended: 0, isRunning: false))]
        for step in 1...steps {
            events.append(Event(type: "ADDED", object: pod(workflow, step, "Pending")))
            events.append(Event(type: "MODIFIED", object: object(workflow, ended: step - 1, isRunning: true)))
            events.append(Event(type: "MODIFIED", object: pod(workflow, step, "Running")))
            events.append(Event(type: "MODIFIED", object: pod(workflow, step, "Succeeded")))
            events.append(Event(type: "MODIFIED", object: object(workflow, ended: step, isRunning: false)))
            // Collected the moment it ended.
            events.append(Event(type: "DELETED", object: pod(workflow, step, "Succeeded")))
        }
        return events
    }

    private func artifact(_ name: String, _ workflow: Int, _ step: Int) -> JSONValue {
        [
            "name": .string(name), "path": .string("/tmp/\(name)"),
            "s3": ["endpoint": "minio:9000", "bucket": "b", "key": .string("w-\(workflow)/step-\(step).tgz")],
        ]
    }

    private func time(_ step: Int, _ second: Int) -> String {
        "2025-03-01T10:\(step < 10 ? "0" : "")\(step):\(second < 10 ? "0" : "")\(second)Z"
    }

    private func object(_ workflow: Int, ended: Int, isRunning: Bool) -> JSONValue {
        var nodes = JSONObject()
        for step in 1...steps where step <= ended + (isRunning ? 1 : 0) {
            let hasEnded = step <= ended
            var node = JSONObject([
                ("id", .string("w-\(workflow)-\(step)")), ("name", .string("w-\(workflow).step-\(step)")),
                ("displayName", .string("step-\(step)")), ("type", "Pod"),
                ("phase", .string(hasEnded ? "Succeeded" : "Running")),
                ("startedAt", .string(time(step, 0))), ("templateName", "step"),
                ("templateScope", .string("local/w-\(workflow)")),
                ("finishedAt", hasEnded ? .string(time(step, 30)) : .null),
            ])
            if step > 1 { node["inputs"] = ["artifacts": [artifact("in", workflow, step - 1)]] }
            if hasEnded { node["outputs"] = ["artifacts": [artifact("out", workflow, step)]] }
            nodes["w-\(workflow)-\(step)"] = .object(node)
        }
        let isDone = ended == steps
        return [
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": [
                "name": .string("w-\(workflow)"), "namespace": "argo", "uid": .string(Self.uid(workflow)),
                "creationTimestamp": "2025-03-01T10:00:00Z",
            ],
            "spec": ["entrypoint": "main", "templates": [["name": "step", "container": ["image": "x"]]]],
            "status": [
                "phase": .string(isDone ? "Succeeded" : "Running"), "startedAt": "2025-03-01T10:00:00Z",
                "finishedAt": isDone ? .string(time(steps, 31)) : .null, "nodes": .object(nodes),
            ],
        ]
    }

    private func pod(_ workflow: Int, _ step: Int, _ phase: String) -> JSONValue {
        var template = JSONObject()
        template["name"] = "step"
        template["container"] = ["image": "x"]
        template["outputs"] = ["artifacts": [artifact("out", workflow, step)]]
        if step > 1 { template["inputs"] = ["artifacts": [artifact("in", workflow, step - 1)]] }
        let state: JSONValue =
            switch phase {
            case "Pending": ["waiting": ["reason": "PodInitializing"]]
            case "Running": ["running": ["startedAt": .string(time(step, 0))]]
            default:
                [
                    "terminated": [
                        "exitCode": 0, "startedAt": .string(time(step, 0)), "finishedAt": .string(time(step, 30)),
                    ]
                ]
            }
        return [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string("w-\(workflow)-step-\(step)"), "namespace": "argo",
                "uid": .string(Self.uid(workflow, step)), "creationTimestamp": .string(time(step, 0)),
                "labels": ["workflows.argoproj.io/workflow": .string("w-\(workflow)")],
                "annotations": [
                    "workflows.argoproj.io/node-name": .string("w-\(workflow).step-\(step)"),
                    "workflows.argoproj.io/node-id": .string("w-\(workflow)-\(step)"),
                ],
                "ownerReferences": [
                    [
                        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": .string("w-\(workflow)"),
                        "uid": .string(Self.uid(workflow)), "controller": true,
                    ]
                ],
            ],
            "spec": [
                "restartPolicy": "Never",
                "initContainers": [
                    [
                        "name": "init",
                        "env": [["name": "ARGO_TEMPLATE", "value": .string(JSONValue.object(template).jsonText())]],
                    ]
                ],
                "containers": [["name": "wait", "image": "argoexec"], ["name": "main", "image": "x"]],
            ],
            "status": [
                "phase": .string(phase), "startTime": .string(time(step, 0)),
                "containerStatuses": [["name": "main", "state": state]],
            ],
        ]
    }
}
