"""Makes a store as its users have it after two years, with the rows that the recorder writes, for the benchmarks of the pages.

    make_large_store.py KFMD FILE [ARTIFACTS]

Half as many executions as artifacts, and a twentieth as many runs: pipelines of ten steps by Argo and both Kubeflow
Pipelines, each run going on from the one before, some from another pipeline's. Beside these what is hard to show:

    a run of 5,000 steps, a step with 500 outputs, an artifact that 400 runs read, one that 20,000 steps read,
    a workspace, types and states that only the oldest nodes have, names that half a million artifacts share.

The empty store is kfmd's own; the rows are written by SQL, with the indexes dropped and made again. FILE.json says where
the special nodes are. The same ARTIFACTS make the same rows.
"""

import base64
import collections
import functools
import hashlib
import json
import math
import os
import random
import sqlite3
import sys
import time
import uuid
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(f"{ROOT}/Tests/clients")

from server import Server  # noqa: E402

SEED = 20261127
BEGIN = 1_730_419_200  # 2024-11-01
SPAN = 750 * 86_400
CLUSTER = "0b9e1f4c-52d7-4d5e-9a3b-7f7a1c0c2d11"

DATA, MODEL, METRICS = (f"kubeflow.org/alpha/{kind}" for kind in ("data_set", "model", "metrics"))
RUN, WORKSPACE = "kubeflow.org/alpha/run", "kubeflow.org/alpha/workspace"

# Each step: its outputs, and what it reads of the steps before.
STEPS = {
    "ingest": ([("raw", "data"), ("main-logs", "log")], []),
    "validate": ([("report", "file"), ("main-logs", "log")], ["raw"]),
    "clean": ([("clean", "data"), ("main-logs", "log")], ["raw", "report"]),
    "split": ([("training", "data"), ("test", "data")], ["clean"]),
    "features": ([("features", "data"), ("main-logs", "log")], ["training"]),
    "tune": ([("trials", "metrics"), ("main-logs", "log")], ["features"]),
    "train": ([("model", "model"), ("main-logs", "log")], ["features", "trials"]),
    "evaluate": ([("evaluation", "metrics"), ("curves", "file")], ["model", "test"]),
    "package": ([("image", "model"), ("main-logs", "log")], ["model"]),
    "register": ([("registered", "model"), ("main-logs", "log")], ["image", "evaluation"]),
}
TYPES = {
    "argo": {"data": DATA, "model": MODEL, "metrics": METRICS, "file": "argo.Artifact", "log": "argo.Log"},
    "kfp1": {"data": DATA, "model": MODEL, "metrics": METRICS, "file": "NoType", "log": "NoType"},
    "kfp2": {"data": "system.Dataset", "model": "system.Model", "metrics": "system.Metrics", "file": "system.Artifact",
             "log": "system.Artifact"},
    "old": {"data": "warehouse.example/table", "model": MODEL, "metrics": METRICS, "file": "NoType", "log": "NoType"},
}  # fmt: skip
EXECUTION_TYPES = {"argo": "argo.Step", "kfp2": "system.ContainerExecution"}
DOMAINS = "fraud churn pricing credit demand search ads recommendation vision speech forecast routing support claims risk".split()
MESSAGES = [
    "OOMKilled (exit code 137)", "Error (exit code 1)", "Error (exit code 1): KeyError: 'customer_id'",
    "Pod was active on the node longer than the specified deadline", "Error (exit code 1): CUDA out of memory. Tried to allocate 2.5 GiB",
    "The node was low on resource: ephemeral-storage.", "ImagePullBackOff: Back-off pulling image",
]  # fmt: skip

INSERTS = {
    table: f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})"
    for table, columns in {
        "Artifact": "id, type_id, uri, state, external_id, create_time_since_epoch, last_update_time_since_epoch",
        "Execution": "id, type_id, last_known_state, external_id, create_time_since_epoch, last_update_time_since_epoch",
        "Context": "id, type_id, name, create_time_since_epoch, last_update_time_since_epoch",
        "ArtifactProperty": "artifact_id, name, is_custom_property, int_value, double_value, string_value, proto_value",
        "ExecutionProperty": "execution_id, name, is_custom_property, int_value, double_value, string_value, proto_value",
        "ContextProperty": "context_id, name, is_custom_property, int_value, double_value, string_value, proto_value",
        "Event": "id, artifact_id, execution_id, type, milliseconds_since_epoch",
        "EventPath": "event_id, is_index_step, step_key",
        "Association": "context_id, execution_id",
        "Attribution": "context_id, artifact_id",
        "ParentContext": "context_id, parent_context_id",
    }.items()
}
STATES = {"NEW": 1, "RUNNING": 2, "COMPLETE": 3, "FAILED": 4, "CACHED": 5, "CANCELED": 6}
LIVE, DELETED = 2, 4
INPUT, OUTPUT = 3, 4


class Kept(str):
    """What the recorder keeps for itself: packed bytes of no meaning here, in base64 as the store has them."""

    def __new__(cls, rng, size):
        name = b"type.googleapis.com/kfmd.v1.Kept"
        body = rng.randbytes(size)
        length = bytes([size & 127 | 128, size >> 7])
        return super().__new__(cls, base64.b64encode(b"\x0a" + bytes([len(name)]) + name + b"\x12" + length + body).decode())


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Rows:
    """Rows on their way into the store, and the ids that they get."""

    def __init__(self, database):
        self.database = database
        self.waiting = collections.defaultdict(list)
        self.count = 0
        self.last = dict.fromkeys(("Artifact", "Execution", "Context", "Event"), 0)
        self.type_ids = {(kind, name): id for id, name, kind in database.execute("SELECT id, name, type_kind FROM Type")}

    def type(self, kind, name, properties=()):
        """The id of a type, which is made where it is not there yet. Kinds: 0 executions, 1 artifacts, 2 contexts."""
        if (kind, name) not in self.type_ids:
            made = self.database.execute("INSERT INTO Type (name, type_kind) VALUES (?, ?)", (name, kind)).lastrowid
            self.database.executemany("INSERT INTO TypeProperty VALUES (?, ?, 3)", [(made, key) for key in properties])
            self.type_ids[kind, name] = made
        return self.type_ids[kind, name]

    def node(self, table, columns, own, custom):
        self.last[table] += 1
        id = self.last[table]
        self.waiting[table].append((id, *columns))
        rows = self.waiting[table + "Property"]
        for is_custom, properties in ((0, own), (1, custom)):
            for name, value in properties.items():
                if isinstance(value, Kept):
                    rows.append((id, name, is_custom, None, None, None, value))
                elif isinstance(value, str):
                    rows.append((id, name, is_custom, None, None, value, None))
                elif isinstance(value, float):
                    rows.append((id, name, is_custom, None, value, None, None))
                else:
                    rows.append((id, name, is_custom, value, None, None, None))
        return id

    def event(self, artifact, execution, type, name, seconds):
        self.last["Event"] += 1
        self.waiting["Event"].append((self.last["Event"], artifact, execution, type, int(seconds * 1000)))
        self.waiting["EventPath"].append((self.last["Event"], 0, name))

    def flush(self):
        for table, rows in self.waiting.items():
            self.database.executemany(INSERTS[table], rows)
            rows.clear()


class Pipeline:
    def __init__(self, name, workspace, system, weight):
        self.name, self.workspace, self.system, self.weight = name, workspace, system, weight
        self.runs = 0
        # Artifacts that the next run goes on from, and that other pipelines read.
        self.registered = self.features = None
        self.source = (None, None)


class Maker:
    def __init__(self, database, count):
        self.rows = Rows(database)
        self.rng = random.Random(SEED)
        self.runs = max(count // 20, 200)
        self.services = max(self.runs * 6 // 1000, 10)
        self.jobs = max(self.runs * 4 // 1000, 10)
        # A quarter at most of a small store.
        self.sweep = min(5000, count // 8)
        self.outputs = min(500, count // 20)
        self.fan_runs = min(400, self.runs // 5)
        self.fan_steps = min(20_000, self.runs * 2 // 5)
        self.kept = {size: [Kept(self.rng, size) for _ in range(200)] for size in (830, 370, 280)}
        self.workspaces, self.kfp_pipelines = {}, {}
        self.facts = {"runs": [], "services": [], "executions_failed": [], "registered": []}
        self.imported = int((BEGIN + SPAN * 0.2) * 1000)

    # MARK: Contexts

    def workspace(self, name):
        if name not in self.workspaces:
            self.workspaces[name] = self.rows.node(
                "Context", (self.rows.type(2, WORKSPACE), name, BEGIN * 1000, BEGIN * 1000), {}, {})
        return self.workspaces[name]

    def run(self, type, name, workspace, created, updated, own, custom, parents=()):
        id = self.rows.node(
            "Context", (self.rows.type(2, type, own), name, created, updated), own,
            {"__kf_workspace__": workspace, **custom, "__kfmd_sights__": self.pick(280)})
        for parent in (self.workspace(workspace), *parents):
            self.rows.waiting["ParentContext"].append((id, parent))
        return id

    # MARK: Nodes

    def pick(self, size):
        return self.rng.choice(self.kept[size])

    def uid(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def suffix(self):
        return "".join(self.rng.choices("bcdfghjklmnpqrstvwxz2456789", k=5))

    def artifact(self, type, name, uri, external, made, created, run, workspace, contexts, more=None, own=None, state=LIVE):
        properties = {
            "__kf_run__": run, "__kf_workspace__": workspace, "name": name, "display_name": name,
            "produced_time": rfc3339(made), "__kfmd_statements__": self.pick(370), **(more or {}),
        }  # fmt: skip
        if type in (DATA, MODEL, METRICS):
            own = {"name": name, **({"version": properties["version"]} if "version" in properties else {}), **(own or {})}
        id = self.rows.node("Artifact", (self.rows.type(1, type, own or {}), uri, state, external, created, created + 90_000), own or {}, properties)
        for context in contexts:
            self.rows.waiting["Attribution"].append((context, id))
        return id

    def execution(self, type, state, external, start, end, created, run, workspace, contexts, custom, own=None):
        properties = {
            "__kf_run__": run, "__kf_workspace__": workspace, "run_id": run, "namespace": workspace,
            "start_time": rfc3339(start), "__kfmd_sights__": self.pick(830), **custom,
        }  # fmt: skip
        updated = created
        if state not in ("NEW", "RUNNING"):
            properties["end_time"] = rfc3339(end)
            updated += int((end - start) * 1000)
        id = self.rows.node(
            "Execution", (self.rows.type(0, type, own or {}), STATES[state], external, created, updated), own or {}, properties)
        for context in contexts:
            self.rows.waiting["Association"].append((context, id))
        if state == "FAILED" and len(self.facts["executions_failed"]) < 2000 and self.rng.random() < 0.1:
            self.facts["executions_failed"].append(id)
        return id

    def numbers(self, pipeline):
        """Metrics that get better, slowly."""
        auc = 0.99 - 0.2 * math.exp(-pipeline.runs / 300) - self.rng.random() * 0.03
        return {"values.auc": auc, "values.accuracy": auc - 0.01, "values.loss": 1 - auc, "values.rows": float(self.rng.randrange(10**6))}

    # MARK: Runs

    def recorded(self, seconds, number):
        """When a node of a run was put into the store, in milliseconds: the oldest were all imported one day."""
        return self.imported + number // 20 * 150 if number < self.runs // 5 else int(seconds * 1000) + 1500

    def pipeline_run(self, pipeline, number, start, is_open):
        rows, rng, system, space = self.rows, self.rng, pipeline.system, pipeline.workspace
        pipeline.runs += 1
        uid = self.uid()
        workflow = f"{pipeline.name}-{self.suffix()}"
        name = {"kfp1": workflow, "kfp2": uid}.get(system, f"{workflow}-{uid}")
        shown = workflow if system in ("argo", "old") else f"{pipeline.name} of {rfc3339(start)[:10]}, number {pipeline.runs}"
        inputs = {"date": rfc3339(start)[:10], "learning_rate": f"{10 ** -(1 + 3 * rng.random()):.5f}", "rounds": str(rng.choice((100, 200, 400)))}
        last_step = rng.randrange(1, 9) if is_open else 9
        lengths = [rng.choice((4, 9, 20, 45, 90, 180, 400)) * (1 + rng.random()) for _ in range(last_step + 1)]
        failed = {step for step in range(last_step + 1) if rng.random() < 0.05}
        state = "RUNNING" if is_open else "FAILED" if failed and rng.random() < 0.125 else "COMPLETE"
        end = start + sum(lengths)
        custom = {"display_name": shown, "state": state, "start_time": rfc3339(start), "workflow_template": pipeline.name, "creator": f"{space}-bot"}
        custom |= {f"input:{key}": value for key, value in inputs.items()}
        if not is_open:
            custom["end_time"] = rfc3339(end)
        if state == "FAILED":
            custom["message"] = f"child '{workflow}-{min(failed)}' failed"
        own, parents = {}, ()
        if system == "kfp1":
            own = {"pipeline_name": workflow, "run_id": workflow}
            custom |= {"kfp_run_id": uid, "namespace": space}
        elif system == "kfp2":
            parents = (self.kfp_pipelines[pipeline.name],)
            custom |= {"namespace": space, "resource_name": workflow}
        created = self.recorded(start, number)
        run = self.run(
            {"kfp1": "KfpRun", "kfp2": "system.PipelineRun"}.get(system, RUN), name, space, created,
            created if is_open else self.recorded(end, number) + 5000, own, custom, parents)
        contexts = (run, self.workspaces[space], *parents)
        self.facts["runs"].append(run)

        made, at = {}, start
        for index, (step, (outputs, inputs_read)) in enumerate(STEPS.items()):
            if index > last_step:
                break
            finish = at + lengths[index]
            step_state = "FAILED" if index in failed else "CACHED" if rng.random() < 0.03 else "COMPLETE"
            if is_open and index == last_step:
                step_state = "RUNNING"
            if number < self.runs // 50 and step_state == "FAILED" and self.facts.setdefault("canceled", 0) < 30:
                step_state = "CANCELED"
                self.facts["canceled"] += 1
            created = self.recorded(at, number)
            node = f"{workflow}-{zlib.crc32((workflow + step).encode())}"
            pod = f"{workflow}-{step}-{node.rsplit('-', 1)[1]}"
            external = f"k8s://{CLUSTER}/{space}/workflows/{uid}/{node}"
            where = f'status.nodes["{node}"]'
            evidence = [f"state {step_state.lower()}: argo-workflows, {where}.phase"]
            read = [(key, made[key]) for key in inputs_read if key in made] + self.outside(pipeline, step, number, at, contexts)
            evidence += [f"input {key}: argo-workflows, {where}.inputs.artifacts[{n}]" for n, (key, _) in enumerate(read)]
            evidence += [f"output {key}: argo-workflows, {where}.outputs.artifacts[{n}]" for n, (key, _) in enumerate(outputs)]
            evidence.append(f'run {workflow}: argo-workflows, metadata.labels["workflows.argoproj.io/workflow"]')
            properties = {
                "name": step, "display_name": step, "pipeline_name": pipeline.name if system == "kfp2" else shown,
                "pod_name": pod, "kfp_pod_name": pod, "node_id": node, "node_name": f"{workflow}.{step}", "template": step,
                "__kfmd_evidence__": "\n".join(evidence), **{f"input:{key}": value for key, value in inputs.items()},
            }  # fmt: skip
            if step_state in ("COMPLETE", "FAILED"):
                properties["exit_code"] = "0" if step_state == "COMPLETE" else "137" if rng.random() < 0.3 else "1"
            if step_state == "FAILED":
                properties["message"] = rng.choice(MESSAGES)
            own = {}
            type = EXECUTION_TYPES.get(system)
            if type is None:
                type = f"components.{step.title()}@sha256={hashlib.sha256((pipeline.name + step).encode()).hexdigest()}"
                own = {"pipeline_name": workflow, "run_id": workflow, "component_id": step.title()}
                if system == "old":
                    type, own = "airflow.Task", {}
            elif system == "kfp2":
                properties |= {"task_name": step, "task_id": f"{uid[:-2]}{index:02}", "image": f"registry.example.com/{pipeline.name}:1.{pipeline.runs // 40}",
                               "cache_fingerprint": hashlib.sha256((pipeline.name + step).encode()).hexdigest()}  # fmt: skip
            execution = self.execution(type, step_state, external, at, finish, created, name, space, contexts, properties, own)
            for key, artifact in read:
                rows.event(artifact, execution, INPUT, key, at)
            if step_state == "RUNNING":
                break
            for place, (key, kind) in enumerate(outputs):
                made[key] = self.output(pipeline, system, key, kind, name, workflow, pod, external, finish, number, contexts, inputs)
                rows.event(made[key], execution, OUTPUT, key, finish)
            at = finish
        if "registered" in made:
            pipeline.registered = made["registered"]
            self.facts["registered"].append(made["registered"])
        pipeline.features = made.get("features", pipeline.features)

    def output(self, pipeline, system, key, kind, run, workflow, pod, external, made, number, contexts, inputs):
        space = pipeline.workspace
        name = key if kind == "log" else f"{pipeline.name}-{key}"
        more, own = {}, {}
        address = f"s3://{space}-pipelines/{workflow}/{pod}/{key}.tgz"
        identity = f"{external}/outputs/{hashlib.md5((external + key).encode()).hexdigest()}"
        if kind in ("file", "log"):
            more |= {"endpoint": "minio.storage.svc:9000", "location_scope": f"{CLUSTER}/minio.storage", "storage_key": f"{workflow}/{pod}/{key}.tgz"}
        elif kind == "metrics":
            numbers = self.numbers(pipeline)
            more |= numbers
            own = {"metrics_type": "VALIDATION"}
        else:
            version = f"v{pipeline.runs}" if key == "registered" else f"{rfc3339(made)[:10]}.{pipeline.runs}"
            more |= {"version": version, "owner": f"{space}-team@example.com"}
            identity = f"kfmd://artifact/version/{hashlib.sha256((name + version).encode()).hexdigest()}"
            if kind == "data":
                address = f"s3://lake/{pipeline.name}/{key}/{rfc3339(made)[:10]}/{pipeline.runs}"
                more |= {"rows": self.rng.randrange(10**8), "columns": self.rng.randrange(20, 400)}
            else:
                address = f"s3://{space}-models/{pipeline.name}/{key}/{version}"
                more |= {"training_framework.name": "xgboost", "hyperparameters.learning_rate": float(inputs["learning_rate"]),
                         "hyperparameters.rounds": float(inputs["rounds"])}  # fmt: skip
                own = {"model_type": "gradient boosted trees", "description": f"Trained by {pipeline.name} on {inputs['date']}"}
            own |= {"owner": more["owner"], "__ALL_META__": json.dumps({"name": name, "uri": address, "version": version, **inputs})}
        state = LIVE
        if number < self.runs // 50 and kind == "data" and self.facts.setdefault("deleted", 0) < 40:
            state = DELETED
            self.facts["deleted"] += 1
        return self.artifact(
            TYPES[system][kind], name, address, identity, made, self.recorded(made, number), run, space, contexts, more,
            own if TYPES[system][kind] in (DATA, MODEL, METRICS) else None, state)  # fmt: skip

    def outside(self, pipeline, step, number, at, contexts):
        """What a step reads of other runs."""
        read = []
        if step == "ingest":
            day = rfc3339(at)[:7]
            if pipeline.source[0] != day:
                # A table that nobody was seen to write, a month each.
                name = f"{pipeline.name}-source"
                pipeline.source = day, self.artifact(
                    DATA, name, f"s3://warehouse/{pipeline.name}/{day}",
                    f"kfmd://artifact/version/{hashlib.sha256((name + day).encode()).hexdigest()}", at, self.recorded(at, number),
                    "", pipeline.workspace, contexts[:2], {"version": day})  # fmt: skip
            read.append(("source", pipeline.source[1]))
            if self.countries is not None and self.read_countries < self.fan_runs:
                read.append(("country-codes", self.countries))
                self.read_countries += 1
            if pipeline.other is not None and pipeline.other.features:
                read.append(("features", pipeline.other.features))
        if step == "train" and pipeline.registered and pipeline.runs % 30:
            read.append(("base", pipeline.registered))
        if step == "evaluate" and number % 2 and self.read_benchmark < self.fan_steps:
            # Nobody was seen to write it: it is of all runs that read it.
            read.append(("benchmark", self.benchmark))
            self.read_benchmark += 1
            self.rows.waiting["Attribution"].append((contexts[0], self.benchmark))
        return read

    def make_sweep(self, start, number):
        """One run of thousands of steps, which all read the same."""
        uid, name = self.uid(), f"sweep-everything-{self.suffix()}"
        context, space = f"{name}-{uid}", "research"
        created = self.recorded(start, number)
        run = self.run(RUN, context, space, created, created + 7_200_000, {}, {
            "display_name": name, "state": "FAILED", "start_time": rfc3339(start), "end_time": rfc3339(start + 7200),
            "workflow_template": "sweep-everything", "message": "too many steps failed"})  # fmt: skip
        contexts = (run, self.workspaces[space])
        read = next(p.features for p in self.pipelines if p.features)
        for n in range(self.sweep):
            state = "FAILED" if self.rng.random() < 0.05 else "COMPLETE"
            at = start + n % 100 * 40
            rate = f"{self.rng.random():.5f}"
            title = f"trial({n}:learning_rate:{rate})"
            node = f"{name}-{zlib.crc32(title.encode())}"
            external = f"k8s://{CLUSTER}/{space}/workflows/{uid}/{node}-{n}"
            properties = {
                "name": title, "display_name": title, "pipeline_name": name, "pod_name": f"{name}-trial-{n}", "node_id": node,
                "node_name": f"{name}.{title}", "template": "trial", "loop_index": n, "loop_item": rate, "input:learning_rate": rate,
                "__kfmd_evidence__": f'state {state.lower()}: argo-workflows, status.nodes["{node}"].phase',
            } | ({"message": self.rng.choice(MESSAGES)} if state == "FAILED" else {})  # fmt: skip
            step = self.execution("argo.Step", state, external, at, at + 35, self.recorded(at, number), context, space, contexts, properties)
            self.rows.event(read, step, INPUT, "features", at)
            for key, kind in (("metrics", METRICS), ("main-logs", "argo.Log")):
                made = self.artifact(
                    kind, "trial-metrics" if kind == METRICS else key, f"s3://research-pipelines/{name}/{n}/{key}.tgz",
                    f"{external}/outputs/{key}", at + 35, self.recorded(at + 35, number), context, space, contexts,
                    {"values.auc": self.rng.random(), "values.loss": self.rng.random()} if kind == METRICS else {})  # fmt: skip
                self.rows.event(made, step, OUTPUT, key, at + 35)
        self.facts |= {"sweep": run, "sweep_features": read}

    def make_job(self, n, start, number):
        """A run of one step; the first writes hundreds of files."""
        uid, space = self.uid(), "research"
        name = f"export-shards-{self.suffix()}" if n == 0 else f"finetune-{self.suffix()}"
        context, created = f"{name}-{uid}", self.recorded(start, number)
        state = "FAILED" if self.rng.random() < 0.05 and n else "COMPLETE"
        run = self.run(RUN, context, space, created, created + 600_000, {}, {"display_name": name})
        contexts = (run, self.workspaces[space])
        external = f"k8s://{CLUSTER}/{space}/pytorchjobs/{uid}"
        properties = {
            "name": name, "display_name": name, "pipeline_name": name, "kind": "PyTorchJob", "input:image": "registry.example.com/research/train:9",
            "input:replicas.Worker": "4", "input:args.0": "--epochs=3",
            "__kfmd_evidence__": "state complete: kubeflow-training-operator, status.conditions[Succeeded]",
        } | ({"message": "PyTorchJobFailed: 1 Worker replica(s) failed."} if state == "FAILED" else {})  # fmt: skip
        step = self.execution("kubeflow.PyTorchJob", state, external, start, start + 600, created, context, space, contexts, properties)
        for m in range(self.outputs if n == 0 else 2):
            title = f"shard-{m:05}" if n == 0 else f"{name}-{m}"
            made = self.artifact(
                DATA if n == 0 else MODEL, title, f"s3://research/{name}/{title}", f"{external}/outputs/{m}", start + 600, created + 600_000,
                context, space, contexts)  # fmt: skip
            self.rows.event(made, step, OUTPUT, title, start + 600)
            if n == 0 and m == 0:
                self.facts["wide_output"] = made
        if n == 0:
            self.facts["wide"] = step

    def make_service(self, n, start, number):
        """A model server with some revisions, of which the last runs."""
        uid, pipeline = self.uid(), self.rng.choice(self.pipelines)
        name, space = f"{pipeline.name}-{n}", pipeline.workspace
        context, created = f"{name}-{uid}", self.recorded(start, number)
        run = self.run(RUN, context, space, created, created, {}, {"display_name": name})
        self.facts["services"].append(run)
        type = self.rng.choice(["kserve.InferenceService"] * 4 + ["kserve.LLMInferenceService", "seldon.SeldonDeployment"])
        revisions = self.rng.randrange(1, 5)
        for revision in range(1, revisions + 1):
            is_last = revision == revisions
            at = start + revision * 3600
            properties = {
                "name": name, "display_name": name, "pipeline_name": name, "kind": type.split(".")[1], "revision": f"{name}-predictor-{revision:05}",
                "url": f"https://{name}.{space}.example.com", "input:modelFormat": "xgboost", "input:runtime": "kserve-xgbserver",
                "__kfmd_evidence__": "state running: kserve, status.conditions[Ready]\ninput model: kserve, spec.predictor.model.storageUri",
            }  # fmt: skip
            # Those of before do not have it.
            if n % 5:
                properties["serving"] = 1
            step = self.execution(
                type, "RUNNING" if is_last else "COMPLETE", f"k8s://{CLUSTER}/{space}/inferenceservices/{uid}/{revision:016x}", at, at + 3600,
                self.recorded(at, number), context, space, (run, self.workspaces[space]), properties)  # fmt: skip
            if self.facts["registered"]:
                self.rows.event(self.rng.choice(self.facts["registered"][-2000:]), step, INPUT, "model", at)

    # MARK: All of it

    def make(self):
        rng = self.rng
        for name in [f"team-{n:02}" for n in range(20)] + ["research", "legacy", "sandbox"]:
            self.workspace(name)
        self.pipelines = []
        for n, domain in enumerate(DOMAINS):
            for m, kind in enumerate(("nightly", "weekly", "retrain")):
                system = ("argo", "argo", "kfp1", "argo", "kfp2")[(n + m) % 5]
                # A few have most of the runs.
                self.pipelines.append(Pipeline(f"{domain}-{kind}", f"team-{(n * 3 + m) % 20:02}", system, 1 / (1 + n * 3 + m) + 0.01))
        for n, pipeline in enumerate(self.pipelines):
            pipeline.other = self.pipelines[n - 1] if n % 2 else None
            if pipeline.system == "kfp2":
                self.kfp_pipelines[pipeline.name] = self.rows.node(
                    "Context", (self.rows.type(2, "system.Pipeline"), pipeline.name, BEGIN * 1000, BEGIN * 1000), {}, {})
        legacy = Pipeline("warehouse-sync", "legacy", "old", 0)
        sandbox = Pipeline("try-things", "sandbox", "argo", 0)
        legacy.other = sandbox.other = None
        weights = [p.weight for p in self.pipelines]

        at = BEGIN * 1000
        self.countries = None
        self.read_countries = self.read_benchmark = 0
        self.benchmark = self.artifact(
            DATA, "benchmark", "s3://reference/benchmark/v3", "kfmd://artifact/version/benchmark-v3", BEGIN, at, "", "research",
            [self.workspaces["research"]], {"version": "v3", "rows": 100_000})  # fmt: skip
        plain = self.runs - self.services - self.jobs - 1
        special = collections.defaultdict(list)
        special[plain * 3 // 5].append(self.make_sweep)
        for n in range(self.jobs):
            special[plain * (n + 1) // (self.jobs + 1)].append(functools.partial(self.make_job, n))
        for n in range(self.services):
            special[plain * (n + 1) // (self.services + 1)].append(functools.partial(self.make_service, n))
        open_from = plain - min(30, plain // 20)
        for number in range(plain):
            start = BEGIN + SPAN * number / plain
            for make in special.get(number, []):
                make(start, number)
            if number % 7 == 0 and number < plain // 10:
                pipeline = legacy
            elif number % (plain // 20) == 3:
                pipeline = sandbox
            else:
                pipeline = rng.choices(self.pipelines, weights)[0]
            self.pipeline_run(pipeline, number, start, number >= open_from)
            if self.countries is None and pipeline.features:
                self.countries = pipeline.features
            if number % 200 == 199:
                self.rows.flush()
        self.rows.flush()
        last = self.rows.last
        self.facts |= {
            "artifacts": last["Artifact"], "executions": last["Execution"], "contexts": last["Context"], "events": last["Event"],
            "run_count": len(self.facts["runs"]) + len(self.facts["services"]) + self.jobs + 1, "workspaces": self.workspaces,
            "pipelines": [{"name": p.name, "workspace": p.workspace, "system": p.system, "runs": p.runs} for p in self.pipelines],
            "read_by_runs": self.countries, "read_by_runs_count": self.read_countries, "read_by_steps": self.benchmark,
            "read_by_steps_count": self.read_benchmark, "sweep_steps": self.sweep, "wide_outputs": self.outputs,
        }  # fmt: skip
        self.facts["registered"] = self.facts["registered"][:: max(1, len(self.facts["registered"]) // 2000)]


def make(kfmd, path, count):
    folder, name = os.path.split(os.path.abspath(path))
    part = f"{folder}/{name}.part.db"
    remove = lambda: [os.remove(f"{folder}/{file}") for file in os.listdir(folder) if file.startswith(f"{name}.part.db")]
    remove()
    Server(kfmd, folder, f"{name}.part").stop()
    database = sqlite3.connect(part, isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -1000000")
    indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL").fetchall()
    for index, _ in indexes:
        database.execute(f"DROP INDEX {index}")
    database.execute("BEGIN")
    maker = Maker(database, count)
    maker.make()
    for _, sql in indexes:
        database.execute(sql)
    database.execute("COMMIT")
    database.close()
    with open(f"{path}.json", "w") as file:
        json.dump(maker.facts, file)
    os.rename(part, path)
    # A search index of the empty store would be of another.
    remove()
    return maker.facts


def main():
    start = time.monotonic()
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    facts = make(os.path.abspath(sys.argv[1]), sys.argv[2], count)
    print(
        f"{facts['artifacts']:,} artifacts, {facts['executions']:,} executions, {facts['run_count']:,} runs, {facts['events']:,} events, "
        f"{os.path.getsize(sys.argv[2]) / 1e9:.2f} GB, in {time.monotonic() - start:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
