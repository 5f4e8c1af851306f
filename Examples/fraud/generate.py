#!/usr/bin/env python3
"""Writes cluster.jsonl: six weeks of a bank's nightly fraud pipeline, and the last night of it live.

What a recorder finds that is started shortly before the last night: 39 Workflows and their pods as they ended, the
trials of an experiment, another team's weekly pipeline, a model that is served. The objects have the form that Argo
Workflows 3.7, Katib 0.19, Tekton Pipelines 1.6 and KServe 0.16 (with Knative) give them. Nothing in them is of a real
cluster or bank.
"""
import copy
import datetime
import hashlib
import json
import os

NAMESPACE = "fraud"
EVENTS = []

REPOSITORY = {
    "endpoint": "minio.storage.svc:9000", "bucket": "fraud-pipelines", "insecure": True, "useSDKCreds": True}
FIRST, NIGHTS = datetime.date(2026, 10, 12), 40
# The area under the curve on the hold-out set, night by night: it grows, a new pattern of fraud wears it down, a
# smaller learning rate (the night of 11-08) and new features (11-15) bring it back. No value: nothing was evaluated.
AUC = [
    .9212, .9221, .9243, .9238, .9259, .9264, .9277, .9285, None, .9301, .9312, .9324, .9331, .9328, .9317, .9289,
    .9254, .9218, .9181, .9147, None, .9092, .8713, .9068, .9051, .9043, .9049, .9312, .9368, .9401, .9424, .9447,
    .9459, .9471, .9498, .9513, .9526, .9519, .9538, .9547,
]
# Below this the model of the night is not registered.
GATE = 0.9
# The data set of this night was found bad two days later.
BAD = datetime.date(2026, 11, 3)


def uid(text):
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def fnv32a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def number(text, low, high):
    """A number that looks like chance and is always the same."""
    return low + int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % (high - low + 1)


def suffix(text, length=5):
    """As Kubernetes ends generated names."""
    return "".join("bcdfghjklmnpqrstvwxz2456789"[number(f"{text}/{i}", 0, 26)] for i in range(length))


def at(day, clock, seconds=0):
    hour, minute = clock.split(":")
    return datetime.datetime(day.year, day.month, day.day, int(hour), int(minute)) + datetime.timedelta(seconds=seconds)


def time(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def event(seconds, kind, obj):
    EVENTS.append({"at": round(seconds, 2), "type": kind, "object": copy.deepcopy(obj)})


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def resolved(value, values):
    """A template with its variables replaced, as Argo does it: {{inputs.parameters.date}}."""
    text = json.dumps(value)
    for name, replacement in values.items():
        text = text.replace("{{" + name + "}}", json.dumps(replacement)[1:-1])
    return json.loads(text)


def condition(kind, status, moment, **more):
    return {"type": kind, "status": status, "lastTransitionTime": time(moment), **more}


def owner(version, kind, name, is_controller=True):
    return {"apiVersion": version, "kind": kind, "name": name, "uid": uid(f"{kind}/{name}"),
            **({"controller": True, "blockOwnerDeletion": True} if is_controller else {})}


def container_status(name, image, is_ready, state):
    return {"name": name, "image": image, "imageID": "", "ready": is_ready, "restartCount": 0, "state": state}


# MARK: The pipeline

DATE = "{{inputs.parameters.date}}"
TRANSACTIONS = f"s3://bank-lake/transactions/{DATE}"
FEATURES = f"s3://bank-lake/card-features/{{{{inputs.parameters.feature_set}}}}/{DATE}"


def annotations(**values):
    """Ours: YAML, a line an artifact."""
    return {"metadata.kubeflow.org/" + key: "".join(f"- {item}\n" for item in items) for key, items in values.items()}


def template(name, image, parameters, arguments, memory, ours, inputs=(), outputs=None, defaults=None, retries=None):
    given = [{"name": parameter} for parameter in parameters]
    given += [{"name": parameter, "value": value} for parameter, value in (defaults or {}).items()]
    result = {
        "name": name,
        "inputs": {"parameters": given},
        "outputs": outputs or {},
        "metadata": {"annotations": ours},
        "container": {
            "name": "", "image": image, "command": ["python", "-m", f"fraud.{name}"], "args": arguments,
            "resources": {"requests": {"cpu": "4"}, "limits": {"memory": memory}}},
    }
    if inputs:
        result["inputs"]["artifacts"] = [{"name": artifact, "path": f"/in/{artifact}"} for artifact in inputs]
    if retries:
        result["retryStrategy"] = {"limit": str(retries), "retryPolicy": "OnFailure"}
    return result


def written(artifact):
    return {"name": artifact, "path": f"/out/{artifact}"}


def result_of(parameter):
    return {"name": parameter, "valueFrom": {"path": f"/out/{parameter}"}}


def templates(image, memory):
    """The steps of the WorkflowTemplate fraud-nightly: it was changed now and then."""
    features = ["date", "feature_set"]
    return {
        "ingest": template(
            "ingest", image, ["date"], [f"--date={DATE}", f"--out={TRANSACTIONS}"], "4Gi",
            annotations(outputs=[
                f'{{type: data_set, name: transactions, uri: $(arg.--out), version: {DATE}, rows: $(result.rows), '
                "owner: data-platform@bank.example, "
                'description: "Card transactions of the 90 days before, with chargebacks"}']),
            outputs={"parameters": [result_of("rows")]}),
        "features": template(
            "features", image, features,
            [f"--transactions={TRANSACTIONS}", "--feature-set={{inputs.parameters.feature_set}}", f"--out={FEATURES}"],
            memory,
            annotations(
                inputs=[f'{{type: data_set, name: transactions, uri: $(arg.--transactions), version: {DATE}}}'],
                outputs=[f'{{type: data_set, name: card-features, uri: $(arg.--out), version: {DATE}, '
                         "feature_set: $(arg.--feature-set), columns: $(result.columns), "
                         "owner: fraud-team@bank.example}"])),
        "train": template(
            "train", image, features + ["learning_rate"],
            [f"--features={FEATURES}", "--learning-rate={{inputs.parameters.learning_rate}}",
             "--max-depth={{inputs.parameters.max_depth}}", "--rounds={{inputs.parameters.rounds}}"], "24Gi",
            annotations(
                inputs=[f'{{type: data_set, name: card-features, uri: $(arg.--features), version: {DATE}}}'],
                outputs=['{type: model, name: fraud-model, uri: s3://fraud-pipelines/{{workflow.name}}/$(pod.name)'
                         f'/model.tgz, version: {DATE}, model_type: gradient boosted trees, '
                         "training_framework: {name: xgboost, version: 3.1.1}, hyperparameters: "
                         "{learning_rate: {{inputs.parameters.learning_rate}}, "
                         "max_depth: {{inputs.parameters.max_depth}}, rounds: {{inputs.parameters.rounds}}}, "
                         "owner: fraud-team@bank.example}"]),
            outputs={"artifacts": [written("model")]}, defaults={"max_depth": "8", "rounds": "600"}, retries=2),
        "evaluate": template(
            "evaluate", image, features, ["--model=/in/model", f"--features={FEATURES}", "--split=holdout"], "8Gi",
            annotations(
                inputs=[f'{{type: data_set, name: card-features, uri: $(arg.--features), version: {DATE}}}'],
                outputs=["{type: metrics, name: fraud-evaluation, "
                         "uri: s3://fraud-pipelines/{{workflow.name}}/$(pod.name)/report.tgz, "
                         "metrics_type: VALIDATION, values: {auc: $(result.auc), accuracy: $(result.accuracy), "
                         "recall_at_1pct_fpr: $(result.recall)}, owner: fraud-team@bank.example}"]),
            inputs=["model"],
            outputs={"parameters": [result_of("auc"), result_of("accuracy")], "artifacts": [written("report")]}),
        "register": template(
            "register", image, ["date", "auc"], ["--model=/in/model", "--report=/in/report", "--name=fraud-scorer"],
            "1Gi",
            annotations(outputs=[
                '{type: model, name: fraud-scorer, uri: s3://fraud-models/fraud-scorer/$(result.version), '
                "version: $(result.version), model_type: gradient boosted trees, "
                f'description: "Scores card transactions; trained on {DATE}", owner: fraud-team@bank.example}}']),
            inputs=["model", "report"], outputs={"parameters": [result_of("version")]}),
    }


TASKS = ["ingest", "features", "train", "evaluate", "register"]


def task(name, parameters):
    """A task of the DAG: it depends on the one before it."""
    result = {"name": name, "template": name}
    arguments = {"parameters": parameters}
    if name != TASKS[0]:
        result["depends"] = TASKS[TASKS.index(name) - 1]
    sources = {"evaluate": {"model": "train"}, "register": {"model": "train", "report": "evaluate"}}.get(name)
    if sources:
        arguments["artifacts"] = [
            {"name": artifact, "from": f"{{{{tasks.{source}.outputs.artifacts.{artifact}}}}}"}
            for artifact, source in sources.items()]
    if name == "register":
        result["when"] = f"{{{{tasks.evaluate.outputs.parameters.auc}}}} >= {GATE}"
    return {**result, "arguments": arguments}


class Step:
    """A step of a night: its node and its pod. A step that is tried again has one of each for every attempt."""

    def __init__(self, night, task_name, start, end, attempt=None, failure=None):
        self.night, self.task, self.start, self.end, self.failure = night, task_name, start, end, failure
        self.attempt = attempt
        self.display = task_name if attempt is None else f"{task_name}({attempt})"
        self.node_name = f"{night.name}.{self.display}"
        self.id = f"{night.name}-{fnv32a(self.node_name)}"
        self.pod_name = f"{night.name}-{task_name}-{fnv32a(self.node_name)}"
        self.message = None
        source = night.templates[task_name]
        values = {"workflow.name": night.name}
        self.parameters = []
        for parameter in source["inputs"].get("parameters", []):
            value = parameter.get("value", night.values.get(parameter["name"]))
            values[f"inputs.parameters.{parameter['name']}"] = value
            self.parameters.append({"name": parameter["name"], "value": value})
        self.template = resolved(source, values)
        self.inputs = [{**artifact, "s3": {"key": night.keys[artifact["name"]]}}
                       for artifact in source["inputs"].get("artifacts", [])]

    def succeed(self, message, **parameters):
        """What it writes in the end: its termination message, and its outputs by name."""
        self.message = message
        outputs = self.template["outputs"]
        self.outputs = {}
        if "parameters" in outputs:
            self.outputs["parameters"] = [
                {**output, "value": parameters[output["name"]]} for output in outputs["parameters"]]
        artifacts = outputs.get("artifacts", [])
        for artifact in artifacts:
            self.night.keys[artifact["name"]] = f"{self.night.name}/{self.pod_name}/{artifact['name']}.tgz"
        if artifacts:
            self.outputs["artifacts"] = [
                {**artifact, "s3": {"key": self.night.keys[artifact["name"]]}} for artifact in artifacts]
        return self

    def node(self, phase):
        node = {
            "id": self.id, "name": self.node_name, "displayName": self.display, "type": "Pod",
            "templateName": self.task, "templateScope": f"local/{self.night.name}", "phase": phase,
            "boundaryID": self.night.name, "startedAt": time(self.start), "finishedAt": None, "progress": "0/1",
            "nodeFlag": {} if self.attempt is None else {"retried": True},
            "inputs": {"parameters": self.parameters},
        }
        if self.inputs:
            node["inputs"]["artifacts"] = self.inputs
        if phase != "Pending":
            node["hostNodeName"] = self.host
        if phase in ("Succeeded", "Failed"):
            node.update(finishedAt=time(self.end), taskResultSynced=True, resourcesDuration=self.duration)
            node["progress"] = "1/1" if phase == "Succeeded" else "0/1"
            if phase == "Failed":
                code, reason, text = self.failure
                node["message"] = f"main: {reason} (exit code {code})" + (f": {text}" if text else "")
                node["outputs"] = {"exitCode": str(code)}
            else:
                node["outputs"] = {**self.outputs, "exitCode": "0"}
        return node

    @property
    def host(self):
        return f"node-{number(self.pod_name, 1, 9)}"

    @property
    def duration(self):
        seconds = int((self.end - self.start).total_seconds())
        gibibytes = int(self.template["container"]["resources"]["limits"]["memory"][:-2])
        return {"cpu": seconds * 4, "memory": seconds * gibibytes * 10}

    def pod(self, phase, running=False, ended=False):
        """Its pod: waiting, running, or with its main container at an end."""
        first = self.start + datetime.timedelta(seconds=8)
        last = self.end - datetime.timedelta(seconds=4)
        code, reason, text = self.failure or (0, "Completed", None)
        state = {"waiting": {"reason": "PodInitializing"}}
        if running:
            state = {"running": {"startedAt": time(first)}}
        wait = dict(state)
        if ended:
            text = text or (compact(self.message) if self.message else None)
            state = {"terminated": {
                "exitCode": code, "reason": reason, **({"message": text} if text else {}),
                "startedAt": time(first), "finishedAt": time(last)}}
        is_over = phase in ("Succeeded", "Failed")
        if is_over:
            wait = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": time(first),
                                   "finishedAt": time(self.end - datetime.timedelta(seconds=2))}}
        environment = [{"name": "ARGO_NODE_ID", "value": self.id}]

        def named(name, more=()):
            return [{"name": "ARGO_CONTAINER_NAME", "value": name}, *more, *environment]

        container = self.template["container"]
        executor = "argoexec:v3.7.4"
        # Argo takes the parameters out of the template that it gives to its executor.
        shown = {**self.template, "inputs": {"artifacts": self.inputs} if self.inputs else {},
                 "archiveLocation": {"archiveLogs": False, "s3": {
                     **REPOSITORY, "key": f"{self.night.name}/{self.pod_name}"}}}
        ready = running and not ended
        return {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": self.pod_name, "namespace": NAMESPACE, "uid": uid("Pod/" + self.pod_name),
                "creationTimestamp": time(self.start),
                "labels": {"workflows.argoproj.io/completed": "true" if is_over else "false",
                           "workflows.argoproj.io/workflow": self.night.name},
                "annotations": {
                    "kubectl.kubernetes.io/default-container": "main",
                    "workflows.argoproj.io/node-id": self.id, "workflows.argoproj.io/node-name": self.node_name,
                    **self.template["metadata"]["annotations"]},
                "ownerReferences": [owner("argoproj.io/v1alpha1", "Workflow", self.night.name)],
            },
            "spec": {
                "restartPolicy": "Never", "serviceAccountName": "fraud-pipeline",
                **({"nodeName": self.host} if running or ended else {}),
                "initContainers": [{
                    "name": "init", "image": executor, "command": ["argoexec", "init"],
                    "env": named("init", [{"name": "ARGO_TEMPLATE", "value": compact(shown)}])}],
                "containers": [
                    {"name": "wait", "image": executor, "command": ["argoexec", "wait"], "env": named("wait")},
                    {**container, "name": "main", "env": named("main"),
                     "command": ["/var/run/argo/argoexec", "emissary", "--", *container["command"]]}],
            },
            "status": {
                "phase": phase, **({"startTime": time(self.start)} if running or ended else {}),
                "containerStatuses": [
                    container_status("main", container["image"], ready, state),
                    container_status("wait", executor, running and not is_over, wait)]},
        }

    def task_result(self):
        return {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult",
            "metadata": {
                "name": self.id, "namespace": NAMESPACE, "uid": uid("WorkflowTaskResult/" + self.id), "generation": 2,
                "creationTimestamp": time(self.start + datetime.timedelta(seconds=9)),
                "labels": {"workflows.argoproj.io/report-outputs-completed": "true",
                           "workflows.argoproj.io/workflow": self.night.name},
                "ownerReferences": [owner("argoproj.io/v1alpha1", "Workflow", self.night.name, False)],
            },
            "outputs": {**self.outputs, "exitCode": "0"},
        }


class Night:
    """A run of the pipeline: its Workflow. The bank's scheduler submits it, by a name with the date."""

    version = 0

    def __init__(self, index):
        day = self.day = FIRST + datetime.timedelta(days=index)
        self.name = f"nightly-{day:%Y%m%d}"
        self.auc = AUC[index]
        self.values = {
            "date": str(day),
            "learning_rate": "0.1" if day < datetime.date(2026, 11, 8) else "0.04",
            "feature_set": "v2" if day < datetime.date(2026, 11, 15) else "v3",
            "auc": str(self.auc),
        }
        changes = [(datetime.date(2026, 11, 15), "2.5.0"), (datetime.date(2026, 11, 6), "2.4.1"), (FIRST, "2.4.0")]
        image = "bank.example/fraud:" + next(tag for since, tag in changes if since <= day)
        # The night before had run out of it.
        self.templates = templates(image, "8Gi" if day < datetime.date(2026, 10, 21) else "16Gi")
        self.keys = {}
        self.created = at(day, "02:00")
        self.steps = self.run()
        self.end = self.steps[-1].end + datetime.timedelta(seconds=6)

    def step(self, name, minutes, **more):
        """The next one: how long it takes differs a little from night to night."""
        last = self.made[-1].end if self.made else self.created
        start = last + datetime.timedelta(seconds=number(f"wait{self.name}{name}{more}", 3, 9))
        seconds = minutes * 60 + number(f"last{self.name}{name}{more}", -minutes * 6, minutes * 6)
        self.made.append(Step(self, name, start, start + datetime.timedelta(seconds=seconds), **more))
        return self.made[-1]

    def run(self):
        """What happened in this night."""
        self.made = []
        day = f"{self.day:%m-%d}"
        if day == "11-01":
            text = f"no export of {self.day} at s3://bank-landing/cards after 45 minutes"
            self.step("ingest", 46, failure=(3, "Error", text))
            return self.made
        rows = 41180000 + 23700 * (self.day - FIRST).days + number(f"rows{day}", 0, 9000)
        ingest = self.step("ingest", 9).succeed({"rows": rows}, rows=str(rows))
        if self.day == BAD:
            ours = ingest.template["metadata"]["annotations"]
            for key in list(ours):
                # Somebody put this on the pod when it was found: kubectl annotate --overwrite.
                ours[key] = ours[key].replace(
                    "with chargebacks",
                    "with chargebacks. Bad: 38 % of them are missing, the export had another key; found 2026-11-05"
                ).replace("}\n", ", labels: {quality: bad, ticket: DQ-318}}\n")
        if day == "10-20":
            self.step("features", 14, failure=(137, "OOMKilled", None))
            return self.made
        self.step("features", 16).succeed({"columns": {"v2": 212, "v3": 268}[self.values["feature_set"]]})
        attempt = 0
        if day == "11-11":
            text = "xgboost.core.XGBoostError: part-00017.parquet: unexpected end of stream"
            self.step("train", 6, attempt=0, failure=(1, "Error", text))
            attempt = 1
        self.step("train", 25 if self.values["learning_rate"] == "0.1" else 38, attempt=attempt).succeed(None)
        accuracy, recall = round(0.975 + (self.auc - 0.92) * 0.35, 4), round(0.6 + (self.auc - 0.92) * 4, 3)
        self.step("evaluate", 5).succeed(
            {"auc": self.auc, "accuracy": accuracy, "recall": recall}, auc=str(self.auc), accuracy=str(accuracy))
        if self.auc >= GATE:
            Night.version += 1
            self.registered = f"v{Night.version}"
            self.step("register", 1).succeed({"version": self.registered}, version=self.registered)
        return self.made

    def nodes(self, phases):
        """The nodes of its status: of each step that began, and of those around them and after them."""
        nodes = {}

        def add(node):
            nodes[node["id"]] = node
            return node

        def plain(name, kind, phase, **more):
            path = f"{self.name}.{name}"
            return {"id": f"{self.name}-{fnv32a(path)}", "name": path, "displayName": name, "type": kind,
                    "templateName": name, "templateScope": f"local/{self.name}", "phase": phase,
                    "boundaryID": self.name, "nodeFlag": {}, **more}

        last = root = add({
            "id": self.name, "name": self.name, "displayName": self.name, "type": "DAG", "templateName": "nightly",
            "templateScope": f"local/{self.name}", "phase": "Running", "startedAt": time(self.created),
            "finishedAt": None, "nodeFlag": {}, "children": []})
        around = None
        for step, phase in phases.items():
            if step.attempt is not None and around is None:
                around = plain("train", "Retry", "Running", startedAt=time(step.start), finishedAt=None,
                               inputs=step.node(phase)["inputs"], children=[])
                last.setdefault("children", []).append(around["id"])
                add(around)
            node = add(step.node(phase))
            (around if step.attempt is not None else last).setdefault("children", []).append(node["id"])
            if step.attempt is not None and phase == "Succeeded":
                around.update(phase=phase, finishedAt=node["finishedAt"], outputs=node["outputs"])
            last = node
        # After a failure nothing comes, and what the gate holds back says so.
        final = self.steps[-1]
        if phases.get(final) in ("Succeeded", "Failed"):
            for name in TASKS[TASKS.index(final.task) + 1:]:
                held = self.auc is not None
                node = add(plain(
                    name, "Skipped", "Skipped" if held else "Omitted",
                    startedAt=time(final.end), finishedAt=time(final.end),
                    message=f"when '{self.auc} >= {GATE}' evaluated false" if held
                    else "omitted: depends condition not met"))
                last.setdefault("children", []).append(node["id"])
                last = node
        root["outboundNodes"] = [last["id"]]
        return root, nodes

    def workflow(self, phases, phase):
        root, nodes = self.nodes(phases)
        is_over = phase in ("Succeeded", "Failed")
        labels = {"workflows.argoproj.io/creator": "system-serviceaccount-scheduler-batch",
                  "workflows.argoproj.io/workflow-template": "fraud-nightly"}
        status = {}
        if phase:
            labels["workflows.argoproj.io/phase"] = phase
            if is_over:
                labels["workflows.argoproj.io/completed"] = "true"
                root.update(phase=phase, finishedAt=time(self.end))
            else:
                root.pop("outboundNodes")
            done = sum(value == "Succeeded" for value in phases.values())
            progress = f"{done}/{max(len(phases), 1)}"
            root["progress"] = progress
            status = {
                "phase": phase, "startedAt": time(self.created), "finishedAt": time(self.end) if is_over else None,
                "progress": progress, "nodes": nodes,
                "conditions": [{"type": "PodRunning", "status": "False" if is_over else "True"}]
                + ([{"type": "Completed", "status": "True"}] if is_over else []),
                "artifactRepositoryRef": {
                    "configMap": "artifact-repositories", "key": "default-v1", "namespace": NAMESPACE,
                    "artifactRepository": {
                        "s3": {**REPOSITORY, "keyFormat": "{{workflow.name}}/{{pod.name}}"}}},
                "storedWorkflowTemplateSpec": {
                    "entrypoint": "nightly", "serviceAccountName": "fraud-pipeline",
                    "arguments": {"parameters": self.arguments},
                    "workflowTemplateRef": {"name": "fraud-nightly"},
                    "templates": [{"name": "nightly", "dag": {"tasks": [
                        task(name, [self.passed(parameter["name"]) for parameter in
                                    self.templates[name]["inputs"]["parameters"] if "value" not in parameter])
                        for name in TASKS]}}, *self.templates.values()],
                },
            }
        return {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {
                "name": self.name, "namespace": NAMESPACE, "uid": uid("Workflow/" + self.name),
                "creationTimestamp": time(self.created), "labels": labels,
                "annotations": {"workflows.argoproj.io/pod-name-format": "v2"},
            },
            "spec": {"workflowTemplateRef": {"name": "fraud-nightly"}, "arguments": {"parameters": self.arguments}},
            "status": status,
        }

    @property
    def arguments(self):
        return [{"name": name, "value": self.values[name]} for name in ("date", "feature_set", "learning_rate")]

    @staticmethod
    def passed(name):
        source = "tasks.evaluate.outputs" if name == "auc" else "workflow"
        return {"name": name, "value": f"{{{{{source}.parameters.{name}}}}}"}

    def show(self, seconds):
        """As it is found when it is over."""
        phases = {step: "Failed" if step.failure else "Succeeded" for step in self.steps}
        is_good = phases[self.steps[-1]] == "Succeeded"
        event(seconds, "ADDED", self.workflow(phases, "Succeeded" if is_good else "Failed"))
        for step, phase in phases.items():
            event(seconds, "ADDED", step.pod(phase, ended=True))

    def play(self, seconds):
        """Live: about 40 seconds, however long the night was."""
        phases = {}

        def workflow(phase="Running"):
            event(seconds, "ADDED" if phase is None else "MODIFIED", self.workflow(phases, phase))

        workflow(None)
        seconds += 0.5
        for step in self.steps:
            phases[step] = "Pending"
            # One update tells of an end and of the next beginning.
            workflow()
            event(seconds, "ADDED", step.pod("Pending"))
            seconds += 1.5
            event(seconds, "MODIFIED", step.pod("Running", running=True))
            phases[step] = "Running"
            workflow()
            seconds += 8 if step.task == "train" else 5
            event(seconds, "MODIFIED", step.pod("Running", running=True, ended=True))
            event(seconds + 0.3, "ADDED", step.task_result())
            seconds += 0.5
            event(seconds, "MODIFIED", step.pod("Succeeded", ended=True))
            phases[step] = "Succeeded"
            seconds += 0.2
        workflow("Succeeded")
        for step in self.steps:
            event(seconds + 0.5, "DELETED", step.task_result())
        return seconds


# MARK: The experiment

class Experiment:
    """Katib looks for a learning rate: six trials, two at a time."""

    name, day = "tune-learning-rate", datetime.date(2026, 11, 7)
    objective = {
        "type": "maximize", "goal": 0.96, "objectiveMetricName": "auc", "additionalMetricNames": ["logloss"],
        "metricStrategies": [{"name": "auc", "value": "max"}, {"name": "logloss", "value": "min"}]}
    # The rate, when it began and how long it took in minutes, the best and the last auc, the last logloss.
    trials = [
        ("0.1127", "09:31", 22, .9052, .9049, .0871), ("0.2391", "09:31", 19, .8983, .8961, .0928),
        ("0.05593", "09:52", 31, .9277, .9275, .0783), ("0.2874", "09:55", 9, .8871, .8795, .1043),
        ("0.04018", "10:05", 38, .9316, .9314, .0769), ("0.01481", "10:25", 44, .9214, .9214, .0812)]
    stopped = "0.2874"

    def trial_name(self, rate):
        return f"{self.name}-{suffix('trial' + rate, 8)}"

    @staticmethod
    def observation(best, last, loss):
        def metric(name, low, high, latest):
            return {"name": name, "min": str(low), "max": str(high), "latest": str(latest)}

        return {"metrics": [metric("auc", round(best - 0.11, 4), best, last),
                            metric("logloss", loss, round(loss * 3.1, 4), loss)]}

    @staticmethod
    def condition(kind, status, reason, message, moment):
        return {"type": kind, "status": status, "reason": reason, "message": message,
                "lastUpdateTime": time(moment), "lastTransitionTime": time(moment)}

    def job(self, name, rate):
        return {
            "apiVersion": "batch/v1", "kind": "Job",
            **({"metadata": {"name": name, "namespace": NAMESPACE}} if name else {}),
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{
                "name": "train", "image": "bank.example/fraud:2.4.1",
                "command": ["python", "-m", "fraud.train",
                            "--features=s3://bank-lake/card-features/v2/2026-11-06", f"--learning-rate={rate}"],
            }]}}}}

    def trial(self, rate, clock, minutes, best, last, loss):
        name, start = self.trial_name(rate), at(self.day, clock, number(rate, 4, 50))
        end = start + datetime.timedelta(minutes=minutes, seconds=number(rate + "end", 0, 50))
        began = start + datetime.timedelta(seconds=2)
        is_stopped = rate == self.stopped
        conditions = [
            self.condition("Created", "True", "TrialCreated", "Trial is created", start),
            self.condition("Running", "True" if is_stopped else "False", "TrialRunning", "Trial is running", began),
            self.condition("EarlyStopped", "True", "TrialEarlyStopped", "Trial is early stopped", end) if is_stopped
            else self.condition(
                "Succeeded", "True", "TrialSucceeded. Job reason: CompletionsReached",
                "Trial has succeeded. Job message: Reached expected number of succeeded pods", end)]
        return {
            "apiVersion": "kubeflow.org/v1beta1", "kind": "Trial",
            "metadata": {
                "name": name, "namespace": NAMESPACE, "uid": uid("Trial/" + name), "generation": 1,
                "creationTimestamp": time(start), "labels": {"katib.kubeflow.org/experiment": self.name},
                "ownerReferences": [owner("kubeflow.org/v1beta1", "Experiment", self.name)],
                "finalizers": ["clean-metrics-in-db"]},
            "spec": {
                "objective": self.objective,
                "parameterAssignments": [{"name": "learning_rate", "value": rate}],
                "runSpec": self.job(name, rate), "retainRun": False, "primaryContainerName": "train",
                "metricsCollector": {"collector": {"kind": "StdOut"}},
                "successCondition": 'status.conditions.#(type=="Complete")#|#(status=="True")#',
                "failureCondition": 'status.conditions.#(type=="Failed")#|#(status=="True")#'},
            "status": {
                "startTime": time(start), "completionTime": None if is_stopped else time(end),
                "conditions": conditions, "observation": self.observation(best, last, loss)},
        }

    def show(self, seconds):
        begin, end = at(self.day, "09:30", 12), at(self.day, "11:11", 40)
        rate, _, _, *values = max(self.trials, key=lambda trial: trial[3])
        names = {trial[0]: self.trial_name(trial[0]) for trial in self.trials}
        event(seconds, "ADDED", {
            "apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment",
            "metadata": {
                "name": self.name, "namespace": NAMESPACE, "uid": uid("Experiment/" + self.name), "generation": 1,
                "creationTimestamp": time(begin), "finalizers": ["update-prometheus-metrics"],
                "annotations": annotations(inputs=[
                    "{type: data_set, name: card-features, uri: s3://bank-lake/card-features/v2/2026-11-06, "
                    'version: "2026-11-06"}'])},
            "spec": {
                "objective": self.objective, "algorithm": {"algorithmName": "tpe"},
                "earlyStopping": {"algorithmName": "medianstop", "algorithmSettings": [
                    {"name": "min_trials_required", "value": "2"}, {"name": "start_step", "value": "50"}]},
                "parallelTrialCount": 2, "maxTrialCount": 6, "maxFailedTrialCount": 2, "resumePolicy": "Never",
                "parameters": [{"name": "learning_rate", "parameterType": "double", "feasibleSpace": {
                    "min": "0.01", "max": "0.3", "distribution": "logUniform"}}],
                "trialTemplate": {
                    "primaryContainerName": "train",
                    "trialParameters": [{"name": "learningRate", "reference": "learning_rate"}],
                    "trialSpec": self.job(None, "${trialParameters.learningRate}")}},
            "status": {
                "startTime": time(begin), "completionTime": time(end),
                "conditions": [
                    self.condition("Created", "True", "ExperimentCreated", "Experiment is created", begin),
                    self.condition("Running", "False", "ExperimentRunning", "Experiment is running",
                                   at(self.day, "09:31", 3)),
                    self.condition("Succeeded", "True", "ExperimentMaxTrialsReached",
                                   "Experiment has succeeded because max trial count has reached", end)],
                "currentOptimalTrial": {
                    "bestTrialName": names[rate],
                    "parameterAssignments": [{"name": "learning_rate", "value": rate}],
                    "observation": self.observation(*values)},
                "succeededTrialList": [name for key, name in names.items() if key != self.stopped],
                "earlyStoppedTrialList": [names[self.stopped]],
                "trials": 6, "trialsSucceeded": 5, "trialsEarlyStopped": 1},
        })
        for trial in self.trials:
            event(seconds, "ADDED", self.trial(*trial))


# MARK: The other team

class Weekly:
    """The risk team's pipeline, of a Tuesday: it reads what the fraud team's has written in the night."""

    def __init__(self, day):
        self.day, self.week = day, f"{day:%G}-W{day:%V}"
        self.name = f"expected-loss-{suffix('expected-loss' + self.week)}"

    def meta(self, kind, name, created, labels, ours, owners=()):
        meta = {
            "name": name, "namespace": "risk", "uid": uid(f"{kind}/{name}"), "generation": 1,
            "creationTimestamp": time(created),
            "labels": {"app.kubernetes.io/managed-by": "tekton-pipelines", "tekton.dev/pipeline": "expected-loss",
                       **labels},
            "annotations": {"pipeline.tekton.dev/release": "v1.6.0", **ours}}
        if owners:
            meta["ownerReferences"] = list(owners)
        return meta

    def task_run(self, task_name, start, end, parameters, results, ours):
        name = f"{self.name}-{task_name}"
        image = "bank.example/risk/loss"
        step = {"name": task_name, "image": f"{image}:1.12"}
        digest = hashlib.sha256(b"risk/loss:1.12").hexdigest()
        return {
            "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
            "metadata": self.meta(
                "TaskRun", name, start,
                {"tekton.dev/pipelineRun": self.name, "tekton.dev/pipelineRunUID": uid("PipelineRun/" + self.name),
                 "tekton.dev/pipelineTask": task_name, "tekton.dev/memberOf": "tasks", "tekton.dev/task": task_name},
                ours, [owner("tekton.dev/v1", "PipelineRun", self.name)]),
            "spec": {
                "params": parameters, "serviceAccountName": "risk-pipeline",
                "taskRef": {"kind": "Task", "name": task_name}, "timeout": "1h0m0s"},
            "status": {
                "conditions": [condition("Succeeded", "True", end, reason="Succeeded",
                                         message="All Steps have completed executing")],
                "podName": f"{name}-pod", "startTime": time(start), "completionTime": time(end), "artifacts": {},
                "results": [{**result, "type": "string"} for result in results],
                "steps": [{
                    "name": task_name, "container": f"step-{task_name}", "imageID": f"{image}@sha256:{digest}",
                    "terminated": {
                        "containerID": "containerd://" + hashlib.sha256(name.encode()).hexdigest(), "exitCode": 0,
                        "reason": "Completed", "startedAt": time(start + datetime.timedelta(seconds=11)),
                        "finishedAt": time(end - datetime.timedelta(seconds=2))},
                    "terminationReason": "Completed"}],
                "taskSpec": {
                    "params": [{"name": parameter["name"], "type": "string"} for parameter in parameters],
                    "results": [{"name": result["name"], "type": "string"} for result in results],
                    "steps": [step]}},
        }

    def show(self, seconds):
        start = at(self.day, "06:00", number(self.name, 1, 20))
        middle = start + datetime.timedelta(minutes=17, seconds=number(self.name + "estimate", 0, 200))
        end = middle + datetime.timedelta(minutes=2, seconds=number(self.name + "report", 0, 60))
        # In the week of the bad data set the loss is too low: chargebacks were missing.
        loss = str(number(self.name + "loss", 1840, 2060) * 1000 if self.day != BAD else 1192000)
        snapshot = {"name": "snapshot", "value": f"s3://bank-lake/transactions/{self.day}"}
        week = {"name": "week", "value": self.week}
        estimate = f's3://risk-lake/expected-loss/{self.week}'
        ours = {
            "estimate": annotations(
                inputs=[f'{{type: data_set, name: transactions, uri: "{snapshot["value"]}", version: "{self.day}"}}'],
                outputs=[f"{{type: data_set, name: expected-loss, uri: {estimate}, version: {self.week}, "
                         "owner: risk-team@bank.example}"]),
            "report": annotations(
                inputs=[f"{{type: data_set, name: expected-loss, uri: {estimate}, version: {self.week}}}"],
                outputs=[f"{{type: example.bank/report, name: expected-loss-report, "
                         f"uri: s3://risk-reports/expected-loss/{self.week}.pdf, owner: risk-team@bank.example}}"])}
        found = [{"name": "expected-loss-eur", "value": loss}]
        tasks = [
            self.task_run("estimate", start, middle, [snapshot, week], found, ours["estimate"]),
            self.task_run("report", middle, end, [week], [], ours["report"])]
        event(seconds, "ADDED", {
            "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
            "metadata": {**self.meta("PipelineRun", self.name, start, {}, {}), "generateName": "expected-loss-"},
            "spec": {
                "params": [snapshot, week], "pipelineRef": {"name": "expected-loss"},
                "taskRunTemplate": {"serviceAccountName": "risk-pipeline"}, "timeouts": {"pipeline": "1h0m0s"},
                "taskRunSpecs": [{"pipelineTaskName": name, "metadata": {"annotations": value}}
                                 for name, value in ours.items()]},
            "status": {
                "conditions": [condition(
                    "Succeeded", "True", end, reason="Succeeded",
                    message="Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 0")],
                "startTime": time(start), "completionTime": time(end), "results": found,
                "childReferences": [
                    {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": run["metadata"]["name"],
                     "pipelineTaskName": name} for name, run in zip(ours, tasks)],
                "pipelineSpec": {
                    "params": [{"name": "snapshot", "type": "string"}, {"name": "week", "type": "string"}],
                    "tasks": [
                        {"name": "estimate", "taskRef": {"kind": "Task", "name": "estimate"}, "params": [
                            {"name": "snapshot", "value": "$(params.snapshot)"},
                            {"name": "week", "value": "$(params.week)"}]},
                        {"name": "report", "runAfter": ["estimate"], "taskRef": {"kind": "Task", "name": "report"},
                         "params": [{"name": "week", "value": "$(params.week)"}]}],
                    "results": [{"name": "expected-loss-eur", "type": "string",
                                 "value": "$(tasks.estimate.results.expected-loss-eur)"}]}},
        })
        for run in tasks:
            event(seconds, "ADDED", run)


# MARK: What serves

class Service:
    """The InferenceService that scores transactions: its revision 3 serves a model of November, 4 the last night's."""

    name, made = "fraud-scorer", at(datetime.date(2026, 10, 14), "09:12")

    def show(self, version, revision, changed, ready, progress="UpToDate"):
        """It serves; or its spec has changed; or a revision is on its way."""
        since = time(ready)
        is_new = progress == "InProgress"
        active = f"{self.name}-predictor-{revision:05}"
        newest = f"{self.name}-predictor-{revision + 1:05}" if is_new else active
        url = "fraud-scorer.fraud.bank.example"

        def fields(manager, moment, **more):
            return {"manager": manager, "operation": "Update", "apiVersion": "serving.kserve.io/v1beta1",
                    "time": time(moment), "fieldsType": "FieldsV1", **more}

        kinds = ["IngressReady", "LatestDeploymentReady", "PredictorConfigurationReady", "PredictorReady",
                 "PredictorRouteReady", "Ready", "RoutesReady"]
        quiet = {"LatestDeploymentReady", "PredictorConfigurationReady", "PredictorRouteReady", "RoutesReady"}
        waits = {"LatestDeploymentReady", "PredictorConfigurationReady"} if is_new else set()
        return {
            "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": {
                "name": self.name, "namespace": NAMESPACE, "uid": uid("InferenceService/" + self.name),
                "creationTimestamp": time(self.made), "generation": revision + (progress != "UpToDate"),
                "annotations": {"serving.kserve.io/deploymentMode": "Knative"},
                "finalizers": ["inferenceservice.finalizers"],
                "managedFields": [
                    fields("argocd-controller", changed, fieldsV1={
                        "f:spec": {"f:predictor": {"f:model": {"f:storageUri": {}}}}}),
                    fields("manager", changed if is_new else ready, fieldsV1={"f:status": {}}, subresource="status")]},
            "spec": {"predictor": {
                "minReplicas": 2,
                "model": {
                    "modelFormat": {"name": "xgboost", "version": "3"}, "name": "", "protocolVersion": "v2",
                    "runtime": "kserve-xgbserver", "storageUri": f"s3://fraud-models/fraud-scorer/{version}",
                    "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "4Gi"}}}}},
            "status": {
                "observedGeneration": revision + is_new, "deploymentMode": "Knative", "url": f"https://{url}",
                "address": {"url": "http://fraud-scorer.fraud.svc.cluster.local"},
                "clusterServingRuntimeName": "kserve-xgbserver",
                "components": {"predictor": {
                    "latestCreatedRevision": newest, "latestReadyRevision": active, "latestRolledoutRevision": active,
                    "traffic": [{"latestRevision": True, "percent": 100, "revisionName": active}],
                    "url": f"https://fraud-scorer-predictor.{url.partition('.')[2]}"}},
                "conditions": [
                    {"type": kind, "status": "Unknown" if kind in waits else "True",
                     "lastTransitionTime": time(changed) if kind in waits else since,
                     **({"severity": "Info"} if kind in quiet else {})} for kind in kinds]
                + [{"type": "Stopped", "status": "False", "severity": "Info", "lastTransitionTime": time(self.made)}],
                "modelStatus": {
                    "copies": {"failedCopies": 0, "totalCopies": 2},
                    "states": {"activeModelState": "Loaded", "targetModelState": "Loading" if is_new else "Loaded"},
                    "transitionStatus": progress if is_new else "UpToDate"}},
        }

    def pod(self, version, revision, created, phase="Running", deleting=None):
        made = f"{self.name}-predictor-{revision:05}"
        replica_set = f"{made}-deployment-{suffix(made, 10)}"
        name = f"{replica_set}-{suffix(replica_set)}"
        is_on = phase == "Running"
        started = {"running": {"startedAt": time(created + datetime.timedelta(seconds=41))}}
        source = f"s3://fraud-models/fraud-scorer/{version}"
        pod = {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "generateName": replica_set + "-", "namespace": NAMESPACE, "uid": uid("Pod/" + name),
                "creationTimestamp": time(created),
                "labels": {
                    "app": made, "component": "predictor", "pod-template-hash": suffix(made, 10),
                    "serving.kserve.io/inferenceservice": self.name, "serving.knative.dev/revision": made,
                    "serving.knative.dev/configuration": f"{self.name}-predictor",
                    "serving.knative.dev/service": f"{self.name}-predictor"},
                "annotations": {"internal.serving.kserve.io/storage-initializer-sourceuri": source},
                "ownerReferences": [owner("apps/v1", "ReplicaSet", replica_set)]},
            "spec": {
                "restartPolicy": "Always", "nodeName": f"node-{number(name, 1, 9)}",
                "initContainers": [{
                    "name": "storage-initializer", "image": "bank.example/kserve/storage-initializer:v0.16.0",
                    "args": [source, "/mnt/models"]}],
                "containers": [
                    {"name": "kserve-container", "image": "bank.example/kserve/xgbserver:v0.16.0",
                     "args": ["--model_name=fraud-scorer", "--model_dir=/mnt/models", "--http_port=8080"]},
                    {"name": "queue-proxy", "image": "bank.example/knative/queue:v1.19"}]},
            "status": {
                "phase": phase, "startTime": time(created),
                "containerStatuses": [container_status(
                    "kserve-container", "bank.example/kserve/xgbserver:v0.16.0", is_on,
                    started if is_on else {"waiting": {"reason": "PodInitializing"}})]},
        }
        if deleting:
            pod["metadata"].update(deletionTimestamp=time(deleting), deletionGracePeriodSeconds=300)
        return pod


def main():
    nights = [Night(index) for index in range(NIGHTS)]
    *past, last = nights
    for name in ("fraud", "risk", "shop"):
        event(0, "ADDED", {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "uid": uid("Namespace/" + name), "creationTimestamp": time(at(FIRST, "00:00")),
            "labels": {"kubernetes.io/metadata.name": name}}, "status": {"phase": "Active"}})
    # A pod that has nothing to do with machine learning: it is seen, and not recorded.
    event(0, "ADDED", {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "shop", "uid": uid("Pod/web-0"), "labels": {"app": "web"},
                     "creationTimestamp": time(at(FIRST, "00:10"))},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "web", "image": "bank.example/web:7"}]},
        "status": {"phase": "Running", "startTime": time(at(FIRST, "00:10")), "containerStatuses": [
            container_status("web", "bank.example/web:7", True,
                             {"running": {"startedAt": time(at(FIRST, "00:10", 4))}})]}})
    for index, night in enumerate(past):
        night.show(index * 0.05)
    Experiment().show(1.3)
    for index in range(1, NIGHTS, 7):
        Weekly(FIRST + datetime.timedelta(days=index)).show(index * 0.05)
    # Promoted by hand on the day after the smaller learning rate came.
    service, before = Service(), next(night for night in past if night.day == datetime.date(2026, 11, 8)).registered
    changed = at(datetime.date(2026, 11, 9), "09:20", 14)
    ready = changed + datetime.timedelta(seconds=73)
    event(1.95, "ADDED", service.show(before, 3, changed, ready))
    event(1.95, "ADDED", service.pod(before, 3, changed))

    seconds = last.play(3) + 1
    again = last.end + datetime.timedelta(seconds=95)
    up = again + datetime.timedelta(seconds=68)
    event(seconds, "MODIFIED", service.show(last.registered, 3, again, ready, "Changed"))
    event(seconds + 0.5, "MODIFIED", service.show(last.registered, 3, again, ready, "InProgress"))
    event(seconds + 0.5, "ADDED", service.pod(last.registered, 4, again, "Pending"))
    event(seconds + 2.5, "MODIFIED", service.pod(last.registered, 4, again))
    event(seconds + 2.5, "MODIFIED", service.show(last.registered, 4, again, up))
    gone = up + datetime.timedelta(seconds=300)
    event(seconds + 3, "MODIFIED", service.pod(before, 3, changed, deleting=gone))
    event(seconds + 3.5, "DELETED", service.pod(before, 3, changed, deleting=gone))
    EVENTS.sort(key=lambda e: e["at"])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cluster.jsonl")
    with open(path, "w") as file:
        for line in EVENTS:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
