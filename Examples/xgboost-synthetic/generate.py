#!/usr/bin/env python3
"""Writes cluster.jsonl: a cluster on which a model is trained, evaluated, served and trained again.

The objects have the form that Kubeflow Pipelines 1.8.5 (Argo Workflows 3.3.8) and a Deployment give
them, in each of their phases. Nothing in them is of a real cluster.
"""
import copy
import datetime
import hashlib
import json
import os

NAMESPACE = "kubeflow"
START = datetime.datetime(2026, 11, 2, 9, 0, 0)
EVENTS = []

SECRETS = {
    "accessKeySecret": {"name": "mlpipeline-minio-artifact", "key": "accesskey"},
    "secretKeySecret": {"name": "mlpipeline-minio-artifact", "key": "secretkey"},
}
REPOSITORY = {"endpoint": "minio-service.kubeflow:9000", "bucket": "mlpipeline", "insecure": True, **SECRETS}

DATA_SET = {
    "type": "data_set", "name": "mytable-dump", "uri": "s3://warehouse/dumps/mytable-dump.csv",
    "version": "2026-11-01", "description": "A dump of mytable", "owner": "data-team@example.org",
    "query": "SELECT * FROM mytable",
}


def uid(text):
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def fnv32a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def time(seconds):
    return (START + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(at, kind, obj):
    EVENTS.append({"at": at, "type": kind, "object": copy.deepcopy(obj)})


def component_spec(name, inputs, outputs):
    spec = {
        "implementation": {"container": {"image": "example.org/xgboost-synthetic:1.0"}},
        "inputs": inputs, "name": name, "outputs": outputs,
    }
    return json.dumps(spec, sort_keys=True)


class Step:
    """A step of the pipeline: its node and its pod."""

    def __init__(self, run, task, spec, arguments, annotations, env, inputs, outputs, message):
        self.run, self.task, self.message = run, task, message
        self.node_name = f"{run.name}.{task}"
        self.id = f"{run.name}-{fnv32a(self.node_name)}"
        self.folder = f"artifacts/{run.name}/{self.id}"
        self.outputs = [
            {"name": name, "path": path, "s3": {"key": f"{self.folder}/{name}.tgz"}} for name, path in outputs
        ]
        self.inputs = inputs
        self.annotations = annotations
        self.spec = spec
        self.arguments = arguments
        self.env = env

    def uri(self, output):
        return f"minio://mlpipeline/{self.folder}/{output}.tgz"

    def template(self):
        return {
            "name": self.task,
            "inputs": {"artifacts": self.inputs} if self.inputs else {},
            "outputs": {"artifacts": [{"name": o["name"], "path": o["path"]} for o in self.outputs]},
            "metadata": {"annotations": {
                "pipelines.kubeflow.org/component_spec": self.spec,
                "pipelines.kubeflow.org/arguments.parameters": json.dumps(self.arguments, sort_keys=True)}},
            "container": {"name": "", "image": "example.org/xgboost-synthetic:1.0",
                          "command": ["python3", f"/app/{self.task}.py"]},
            "archiveLocation": {"archiveLogs": False, "s3": {**REPOSITORY, "key": self.folder}},
        }

    def node(self, phase, start=None, end=None):
        node = {
            "id": self.id, "name": self.node_name, "displayName": self.task, "type": "Pod",
            "templateName": self.task, "templateScope": f"local/{self.run.name}", "phase": phase,
            "boundaryID": self.run.name, "startedAt": time(start), "finishedAt": time(end) if end else None,
        }
        if self.inputs:
            node["inputs"] = {"artifacts": self.inputs}
        if phase == "Succeeded":
            node["outputs"] = {"artifacts": self.outputs, "exitCode": "0"}
            node["hostNodeName"] = "node-1"
        return node

    def pod(self, phase, created, started=None, ended=None, completed=False):
        template = json.dumps(self.template(), separators=(",", ":"))
        common = [
            {"name": "ARGO_TEMPLATE", "value": template}, {"name": "ARGO_NODE_ID", "value": self.id},
            {"name": "ARGO_INCLUDE_SCRIPT_OUTPUT", "value": "false"},
            {"name": "ARGO_DEADLINE", "value": "0001-01-01T00:00:00Z"},
        ]
        annotations = {
            "kubectl.kubernetes.io/default-container": "main",
            "workflows.argoproj.io/node-id": self.id,
            "workflows.argoproj.io/node-name": self.node_name,
            "pipelines.kubeflow.org/component_spec": self.spec,
            "pipelines.kubeflow.org/arguments.parameters": json.dumps(self.arguments, sort_keys=True),
            "pipelines.kubeflow.org/task_display_name": self.task,
            "sidecar.istio.io/inject": "false",
            **self.annotations,
        }
        if ended:
            annotations["workflows.argoproj.io/outputs"] = json.dumps(
                {"artifacts": self.outputs}, separators=(",", ":"))
        state = {"waiting": {"reason": "PodInitializing"}}
        if started:
            state = {"running": {"startedAt": time(started)}}
        if ended:
            terminated = {"exitCode": 0, "reason": "Completed", "startedAt": time(started), "finishedAt": time(ended)}
            if self.message:
                terminated["message"] = json.dumps(self.message)
            state = {"terminated": terminated}
        wait = state if not ended else {"terminated": {
            "exitCode": 0, "reason": "Completed", "startedAt": time(started), "finishedAt": time(ended + 1)}}
        pod = {
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {
                "name": self.id, "namespace": NAMESPACE, "uid": uid("pod" + self.id),
                "creationTimestamp": time(created),
                "labels": {
                    "workflows.argoproj.io/workflow": self.run.name,
                    "workflows.argoproj.io/completed": "true" if completed else "false",
                    "pipeline/runid": self.run.run_id,
                    "pipelines.kubeflow.org/cache_enabled": "true",
                    "pipelines.kubeflow.org/enable_caching": "true",
                    "pipelines.kubeflow.org/kfp_sdk_version": "1.8.22",
                    "pipelines.kubeflow.org/pipeline-sdk-type": "kfp",
                    "pipelines.kubeflow.org/cache_id": "",
                },
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": self.run.name,
                    "uid": self.run.uid, "controller": True, "blockOwnerDeletion": True}],
            },
            "spec": {
                "restartPolicy": "Never", "serviceAccountName": "pipeline-runner", "nodeName": "node-1",
                "initContainers": [{"name": "init", "image": "argoexec:v3.3.8",
                                    "command": ["argoexec", "init"],
                                    "env": common + [{"name": "ARGO_CONTAINER_NAME", "value": "init"}]}],
                "containers": [
                    {"name": "wait", "image": "argoexec:v3.3.8", "command": ["argoexec", "wait"],
                     "env": common + [{"name": "ARGO_CONTAINER_NAME", "value": "wait"}]},
                    {"name": "main", "image": "example.org/xgboost-synthetic:1.0",
                     "command": ["/var/run/argo/argoexec", "emissary", "--", "python3", f"/app/{self.task}.py"],
                     "env": self.env + common + [{"name": "ARGO_CONTAINER_NAME", "value": "main"}]},
                ],
            },
            "status": {"phase": phase, "containerStatuses": [
                {"name": "main", "ready": phase == "Running", "restartCount": 0, "state": state},
                {"name": "wait", "ready": phase == "Running", "restartCount": 0, "state": wait}]},
        }
        if started:
            pod["status"]["startTime"] = time(created)
        return pod


class Run:
    """A run of the pipeline: its Workflow."""

    def __init__(self, suffix, title, accuracy, eta):
        self.name = f"xgboost-synthetic-{suffix}"
        self.uid = uid("workflow" + self.name)
        self.run_id = uid("run" + self.name)
        self.title = title
        spec = component_spec(
            "Train", [{"name": "data", "type": "URI"}, {"name": "eta", "type": "Float"}],
            [{"name": "model", "type": "Model"}])
        self.train = Step(
            self, "train", spec, {"data": DATA_SET["uri"], "eta": str(eta)}, {},
            [{"name": "DATA_URI", "value": DATA_SET["uri"]}], [],
            [("train-model", "/tmp/outputs/model/data")], None)
        self.train.annotations = {
            "metadata.kubeflow.org/workspace": "xgboost-synthetic",
            "metadata.kubeflow.org/inputs": json.dumps([{**DATA_SET, "uri": "$(env.DATA_URI)"}]),
            # Argo has put its own values in place of {{workflow.name}} and {{pod.name}} here.
            "metadata.kubeflow.org/outputs": "\n".join([
                "- type: model", "  name: MNIST", f"  uri: {self.train.uri('train-model')}",
                "  version: $(run.id)", "  description: Recognizes handwritten digits",
                "  owner: ml-team@example.org", "  model_type: gradient boosted trees",
                "  training_framework: {name: xgboost, version: 1.7.6}",
                f"  hyperparameters: {{max_depth: 6, eta: {eta}}}"]),
        }
        spec = component_spec(
            "Evaluate", [{"name": "data", "type": "URI"}, {"name": "model", "type": "Model"}],
            [{"name": "mlpipeline-metrics", "type": "Metrics"}])
        self.evaluate = Step(
            self, "evaluate", spec, {"data": DATA_SET["uri"]}, {},
            [{"name": "DATA_URI", "value": DATA_SET["uri"]}],
            [{"name": "train-model", "path": "/tmp/inputs/model/data",
              "s3": {"key": f"{self.train.folder}/train-model.tgz"}}],
            [("mlpipeline-metrics", "/tmp/outputs/mlpipeline_metrics/data")], {"accuracy": accuracy})
        self.evaluate.annotations = {
            "metadata.kubeflow.org/workspace": "xgboost-synthetic",
            "metadata.kubeflow.org/inputs": json.dumps([{**DATA_SET, "uri": "$(env.DATA_URI)"}]),
            "metadata.kubeflow.org/outputs": json.dumps([{
                "type": "metrics", "name": "MNIST-evaluation", "uri": self.evaluate.uri("mlpipeline-metrics"),
                "metrics_type": "VALIDATION", "owner": "ml-team@example.org",
                "values": {"accuracy": "$(result.accuracy)"}}]),
        }

    def workflow(self, created, phase, nodes, end=None):
        dag = {
            "id": self.name, "name": self.name, "displayName": self.name, "type": "DAG",
            "templateName": "xgboost-synthetic", "templateScope": f"local/{self.name}", "phase": phase,
            "startedAt": time(created), "finishedAt": time(end) if end else None,
            "children": [self.train.id],
        }
        labels = {"pipeline/runid": self.run_id, "pipelines.kubeflow.org/kfp_sdk_version": "1.8.22"}
        status = {}
        if phase:
            labels["workflows.argoproj.io/phase"] = phase
            if end:
                labels["workflows.argoproj.io/completed"] = "true"
            status = {
                "phase": phase, "startedAt": time(created), "finishedAt": time(end) if end else None,
                "nodes": {self.name: dag, **{node["id"]: node for node in nodes}},
                "artifactRepositoryRef": {"default": True, "artifactRepository": {
                    "archiveLogs": False,
                    "s3": {**REPOSITORY, "keyFormat": "artifacts/{{workflow.name}}/{{pod.name}}"}}},
            }
        return {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {
                "name": self.name, "generateName": "xgboost-synthetic-", "namespace": NAMESPACE,
                "uid": self.uid, "creationTimestamp": time(created), "labels": labels,
                "annotations": {
                    "metadata.kubeflow.org/workspace": "xgboost-synthetic",
                    "pipelines.kubeflow.org/kfp_sdk_version": "1.8.22",
                    "pipelines.kubeflow.org/pipeline_compilation_time": "2026-11-02T08:58:11.345678",
                    "pipelines.kubeflow.org/pipeline_spec": json.dumps(
                        {"description": "Trains on synthetic data", "name": "xgboost-synthetic"}, sort_keys=True),
                    "pipelines.kubeflow.org/run_name": self.title,
                },
            },
            "spec": {
                "entrypoint": "xgboost-synthetic", "serviceAccountName": "pipeline-runner",
                "templates": [
                    {"name": "xgboost-synthetic", "dag": {"tasks": [
                        {"name": "train", "template": "train"},
                        {"name": "evaluate", "template": "evaluate", "dependencies": ["train"]}]}},
                    self.train.template(), self.evaluate.template()],
            },
            "status": status,
        }

    def play(self, at):
        """About 16 seconds."""
        nodes = {}

        def workflow(offset, phase="Running", end=None):
            event(at + offset, "MODIFIED", self.workflow(at, phase, list(nodes.values()), end))

        event(at, "ADDED", self.workflow(at, None, []))
        begin = 1
        for step in (self.train, self.evaluate):
            nodes[step.id] = step.node("Pending", at + begin)
            workflow(begin)
            event(at + begin, "ADDED", step.pod("Pending", at + begin))
            started, ended = at + begin + 2, at + begin + 5
            event(started, "MODIFIED", step.pod("Running", at + begin, started))
            nodes[step.id] = step.node("Running", at + begin)
            workflow(begin + 2)
            event(ended, "MODIFIED", step.pod("Running", at + begin, started, ended))
            event(ended + 1, "MODIFIED", step.pod("Succeeded", at + begin, started, ended))
            nodes[step.id] = step.node("Succeeded", at + begin, ended + 1)
            workflow(begin + 6)
            event(ended + 2, "MODIFIED", step.pod("Succeeded", at + begin, started, ended, completed=True))
            begin += 7
        workflow(begin, "Succeeded", at + begin)


class Server:
    """A pod of the Deployment that serves the model."""

    def __init__(self, template_hash, suffix, model_uri):
        self.hash, self.name, self.model_uri = template_hash, f"mnist-server-{template_hash}-{suffix}", model_uri

    def pod(self, phase, created, started=None, ended=None, deleting=None):
        state = {"waiting": {"reason": "ContainerCreating"}}
        if started:
            state = {"running": {"startedAt": time(started)}}
        if ended:
            state = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": time(started),
                                    "finishedAt": time(ended)}}
        pod = {
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {
                "name": self.name, "generateName": f"mnist-server-{self.hash}-", "namespace": NAMESPACE,
                "uid": uid("pod" + self.name), "creationTimestamp": time(created),
                "labels": {"app": "mnist-server", "pod-template-hash": self.hash},
                "annotations": {
                    "metadata.kubeflow.org/workspace": "xgboost-synthetic",
                    "metadata.kubeflow.org/execution": "serve",
                    "metadata.kubeflow.org/inputs":
                        '{"type": "model", "name": "MNIST", "uri": "$(arg.--model)"}',
                },
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"mnist-server-{self.hash}",
                    "uid": uid("replicaset" + self.hash), "controller": True, "blockOwnerDeletion": True}],
            },
            "spec": {
                "restartPolicy": "Always", "nodeName": "node-2",
                "containers": [{
                    "name": "server", "image": "example.org/xgboost-server:1.0",
                    "command": ["xgboost-server"], "args": ["--port=8080", f"--model={self.model_uri}"]}],
            },
            "status": {"phase": phase, "containerStatuses": [
                {"name": "server", "ready": phase == "Running", "restartCount": 0, "state": state}]},
        }
        if started:
            pod["status"]["startTime"] = time(created)
        if deleting:
            pod["metadata"]["deletionTimestamp"] = time(deleting)
            pod["metadata"]["deletionGracePeriodSeconds"] = 30
        return pod


def main():
    first = Run("7kq2p", "Train on the November dump", 0.95, 0.3)
    second = Run("m4xdz", "Retrain with a smaller step", 0.97, 0.1)
    # A pod that has nothing to do with machine learning: it is seen, and not recorded.
    web = Server("5d8f9c7b6d", "qqqqq", "").pod("Running", 0, 0)
    web["metadata"].update(name="web-5d8f9c7b6d-qqqqq", annotations={}, labels={"app": "web"})
    event(0, "ADDED", web)
    first.play(1)
    old = Server("6b7d9f8c5", "x2x7l", first.train.uri("train-model"))
    event(19, "ADDED", old.pod("Pending", 19))
    event(21, "MODIFIED", old.pod("Running", 19, 21))
    second.play(24)
    new = Server("79c4f6d8b9", "h8s5v", second.train.uri("train-model"))
    event(42, "ADDED", new.pod("Pending", 42))
    event(44, "MODIFIED", new.pod("Running", 42, 44))
    event(45, "MODIFIED", old.pod("Running", 19, 21, deleting=75))
    event(46, "MODIFIED", old.pod("Succeeded", 19, 21, 46, deleting=75))
    event(46, "DELETED", old.pod("Succeeded", 19, 21, 46, deleting=75))
    EVENTS.sort(key=lambda e: e["at"])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cluster.jsonl")
    with open(path, "w") as file:
        for line in EVENTS:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
