"""The web pages on a large store: the server's time and the bytes of each.

    pages.py KFMD [FOLDER] [ARTIFACTS] [--only REGEX] [--skip REGEX] [--requests 200] [--seconds 20] [--seed 1]
             [--index-wait 3600]

The store is made once and kept in FOLDER (make_large_store.py), as is the search index that the server makes beside it.
Of each page 200 addresses are asked for one after the other on one connection, as a browser asks: in gzip. A time is
that of the whole answer, seen from the client; the first line of the table is what an empty answer takes. Beside it the
mean processor time of the server, which says more on a busy machine. Pages that take longer than SECONDS in all are
asked for fewer times. A page that this kfmd does not have is `missing`.

Where the binary knows `--search`, what the index costs those who write is measured last (`--only writes`: that alone).
"""

import argparse
import base64
import gzip
import html
import http.client
import json
import os
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s

import make_large_store
from make_large_store import Server
from service import ROUNDS, SERVICE, Remote, load, put_execution, put_types, spread, syncs

TICKS = os.sysconf("SC_CLK_TCK")


class Client:
    """One connection that is kept open."""

    def __init__(self, address):
        self.address = address
        self.connection = http.client.HTTPConnection(address, timeout=120)

    def get(self, path, accept="text/html,application/xhtml+xml,*/*;q=0.8"):
        """Status, seconds, body as it came, and the body itself."""
        for is_last in (False, True):
            start = time.perf_counter()
            try:
                self.connection.request("GET", path, headers={"Accept": accept, "Accept-Encoding": "gzip"})
                response = self.connection.getresponse()
                sent = response.read()
                break
            except (http.client.HTTPException, ConnectionError):
                # Closed for having been idle.
                self.connection.close()
                if is_last:
                    raise
        seconds = time.perf_counter() - start
        packed = response.getheader("Content-Encoding") == "gzip"
        return response.status, seconds, sent if packed else gzip.compress(sent, 6), gzip.decompress(sent) if packed else sent, packed

    def text(self, path):
        status, _, _, body, _ = self.get(path)
        return body.decode() if status == 200 else ""


def address(path, **items):
    query = urllib.parse.urlencode({key.rstrip("_"): value for key, value in items.items()})
    return f"{path}?{query}" if query else path


class Case:
    """A page, and the addresses at which it is asked for.

    `needs` stands on the page if this kfmd knows what is asked: others leave it out, and show more. `expected` stands on
    each answer, or it has not found what there is.
    """

    def __init__(self, name, make, aim=50, needs=None, accept=None, expected=None):
        self.name, self.make, self.aim, self.needs, self.accept, self.expected = name, make, aim, needs, accept, expected


class Cases:
    def __init__(self, client, path, facts, seed):
        self.client, self.facts, self.seed = client, facts, seed
        self.database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        # The order of ids is about that of time: there are more of the newest in any list.
        self.last = {"Artifact": facts["artifacts"], "Execution": facts["executions"]}
        self.runs = facts["runs"]
        self.all = []

    def one(self, sql, *values):
        row = self.database.execute(sql, values).fetchone()
        return row[0] if row else None

    def add(self, name, make, **options):
        """- make: an address of a generator of random numbers; or the addresses themselves."""
        self.all.append(Case(name, make, **options))

    def addresses(self, case, count):
        rng = random.Random(f"{self.seed} {case.name}")
        made = case.make
        if callable(made):
            try:
                return [made(rng) for _ in range(count)]
            except LookupError:
                return []
        return [made[n % len(made)] for n in range(count)] if made else []

    # MARK: Places within lists

    def token(self, path, items):
        """The token of a list's second page, as a message, and how the link writes it."""
        page = self.client.text(address(path, **items))
        found = [urllib.parse.parse_qs(urllib.parse.urlsplit(html.unescape(link)).query).get("page")
                 for link in re.findall(r'href="([^"]*page=[^"]*)"', page)]  # fmt: skip
        found = [tokens[0] for tokens in found if tokens]
        if not found:
            raise LookupError(path)
        return m.ListOperationNextPageToken.FromString(base64.b64decode(found[-1]))

    def place(self, path, table, low, high, name="page", **items):
        """Pages of a list that begin at nodes between two parts of the ids."""
        made = []

        def make(rng):
            if not made:
                made.append(self.token(path, items))
            token = m.ListOperationNextPageToken.FromString(made[0].SerializeToString())
            if table == "Context":
                id = self.runs[min(int(rng.uniform(low, high) * len(self.runs)), len(self.runs) - 1)]
            else:
                id = max(1, int(rng.uniform(low, high) * self.last[table]))
            order = token.set_options.order_by_field
            is_update = order.field == m.ListOperationOptions.OrderByField.LAST_UPDATE_TIME
            column = "last_update_time_since_epoch" if is_update else "create_time_since_epoch"
            token.id_offset = id
            token.field_offset = self.one(f"SELECT {column} FROM {table} WHERE id = ?", id)
            if name == "back":
                # It is read the other way.
                order.is_asc = not order.is_asc
            return address(path, **items, **{name: base64.b64encode(token.SerializeToString()).decode()})

        return make

    # MARK: What there is

    def artifact(self, rng):
        return rng.randrange(1, self.last["Artifact"])

    def execution(self, rng):
        return rng.randrange(1, self.last["Execution"])

    def run(self, rng):
        return rng.choice(self.runs)

    def named(self, rng):
        """An artifact with a version."""
        return rng.choice(self.facts["registered"])

    def pipeline(self, rng):
        return rng.choice(self.facts["pipelines"])

    def value(self, table, id, name):
        return self.one(f"SELECT string_value FROM {table}Property WHERE {table.lower()}_id = ? AND name = ?", id, name) or ""

    def day(self, rng, low=0, high=1):
        return make_large_store.rfc3339(make_large_store.BEGIN + rng.uniform(low, high) * make_large_store.SPAN)[:10]

    def lists(self):
        facts = self.facts
        rare = ["sandbox", "legacy"]
        teams = [name for name in facts["workspaces"] if name.startswith("team-")]
        in_workspace = 'name="workspace"'
        for path, table, word in (("/", "Artifact", "artifacts"), ("/executions", "Execution", "executions"), ("/runs", "Context", "runs")):
            self.add(f"{word}, first page", [path])
            self.add(f"{word}, in the middle", self.place(path, table, 0.3, 0.9))
            self.add(f"{word}, at the end", self.place(path, table, 0, 0.05))
            self.add(f"{word}, backwards", self.place(path, table, 0.1, 0.9, "back"), needs=in_workspace)
            for order in ("oldest", "changed", "unchanged"):
                self.add(f"{word}, {order} first", [address(path, order=order)], needs=f'value="{order}"')
                self.add(f"{word}, {order} first, in the middle", self.place(path, table, 0.2, 0.8, order=order), needs=f'value="{order}"')
            self.add(f"{word} of a workspace", lambda rng, path=path: address(path, workspace=rng.choice(teams)), needs=in_workspace)
            self.add(f"{word} of a small or old workspace", lambda rng, path=path: address(path, workspace=rng.choice(rare)), needs=in_workspace)
            self.add(f"{word} of no workspace", lambda rng, path=path: address(path, workspace=f"none-{rng.random()}"), needs=in_workspace)
            self.add(
                f"{word} of days", lambda rng, path=path: address(path, **dict(zip(("from_", "to"), sorted((self.day(rng), self.day(rng)))))),
                needs=in_workspace)  # fmt: skip
            # The oldest fifth was imported on one day.
            self.add(
                f"{word} of old days, changed first",
                lambda rng, path=path: address(path, to=self.day(rng, 0.21, 0.4), order="changed"), needs=in_workspace)  # fmt: skip

        def filtered(path, word, what, make, **options):
            self.add(f"{word} where {what}", lambda rng: address(path, filter=make(rng)), **options)

        # Artifacts.
        types = ["kubeflow.org/alpha/data_set", "kubeflow.org/alpha/model", "argo.Log", "system.Model", "NoType"]
        self.add("artifacts of a type", lambda rng: address("/", type=rng.choice(types)))
        self.add("artifacts of a type that only old ones have", [address("/", type="warehouse.example/table")])
        self.add("artifacts of a state", [address("/", state="LIVE")])
        self.add("artifacts of a state that few old ones have", [address("/", state="DELETED")])
        self.add("artifacts of a run", lambda rng: address("/", run=self.run(rng)), needs=in_workspace)
        self.add("artifacts of the run of 5,000 steps", [address("/", run=facts["sweep"])], needs=in_workspace)
        self.add(
            "artifacts of a type, a state, a workspace and days",
            lambda rng: address("/", type=rng.choice(types), state="LIVE", workspace=rng.choice(teams), from_=self.day(rng)), needs=in_workspace)  # fmt: skip
        filtered("/", "artifacts", "uri =", lambda rng: f"uri = '{self.one('SELECT uri FROM Artifact WHERE id = ?', self.artifact(rng))}'")
        filtered("/", "artifacts", "uri LIKE 'folder/%'", lambda rng: f"uri LIKE 's3://lake/{self.pipeline(rng)['name']}/features/{self.day(rng)}/%'")
        filtered("/", "artifacts", "uri LIKE '%common%'", lambda rng: f"uri LIKE '%{self.pipeline(rng)['name']}%'")
        filtered("/", "artifacts", "uri LIKE '%absent%'", lambda rng: f"uri LIKE '%nothing-{rng.randrange(10**6)}%'")
        filtered("/", "artifacts", "a name =", lambda rng: f"custom_properties.name.string_value = '{self.pipeline(rng)['name']}-model'")
        filtered("/", "artifacts", "a number >", lambda rng: f"custom_properties.`values.auc`.double_value > {0.9 + rng.random() / 10}")
        filtered("/", "artifacts", "a rare number >", lambda rng: f"custom_properties.rows.int_value > {10**8 - rng.randrange(20_000)}")
        filtered("/", "artifacts", "contexts_r.name =", lambda rng: f"contexts_r.name = '{self.one('SELECT name FROM Context WHERE id = ?', self.run(rng))}'")
        filtered("/", "artifacts", "events_e.execution_id =", lambda rng: f"events_e.execution_id = {self.execution(rng)}")
        self.add(
            "artifacts, other columns, in groups",
            lambda rng: address("/", cols="type,version,state,uri,run,workspace,pipeline,written,created,updated,id,external_id",
                                props="values.auc,owner,columns", group=rng.choice(["run", "type", "workspace"])), needs='name="group"')  # fmt: skip
        self.add("artifacts as JSON", ["/artifacts.json"], accept="application/json")
        self.add("artifacts as CSV (5,000 rows)", ["/artifacts.csv"], accept="text/csv", aim=None)

        # Executions.
        kinds = ["argo.Step", "system.ContainerExecution", "kubeflow.PyTorchJob", "kserve.InferenceService"]
        self.add("executions of a type", lambda rng: address("/executions", type=rng.choice(kinds)))
        self.add("executions of a type that only old ones have", [address("/executions", type="airflow.Task")])
        self.add("executions that failed", [address("/executions", state="FAILED")])
        self.add("executions that run", [address("/executions", state="RUNNING")])
        self.add("executions of a state that few old ones have", [address("/executions", state="CANCELED")])
        self.add("executions of no such state", [address("/executions", state="NEW")])
        self.add("executions of a workspace that failed", lambda rng: address("/executions", workspace=rng.choice(teams), state="FAILED"), needs=in_workspace)
        self.add("executions of the old workspace that failed", [address("/executions", workspace="legacy", state="FAILED")], needs=in_workspace)
        filtered("/executions", "executions", "message LIKE '%common%'", lambda rng: "custom_properties.message.string_value LIKE '%CUDA%'")
        filtered("/executions", "executions", "exit_code = '137'", lambda rng: "custom_properties.exit_code.string_value = '137'")
        filtered("/executions", "executions", "a parameter =", lambda rng: f"custom_properties.`input:date`.string_value = '{self.day(rng)}'")
        filtered("/executions", "executions", "a name =", lambda rng: f"custom_properties.name.string_value = '{rng.choice(list(make_large_store.STEPS))}'")
        reads = "events_e.type IN (INPUT, DECLARED_INPUT, INTERNAL_INPUT)"
        filtered("/executions", "executions", "they read it", lambda rng: f"events_e.artifact_id = {self.named(rng)} AND {reads}")
        filtered("/executions", "executions", "they read it, 20,000", lambda rng: f"events_e.artifact_id = {facts['read_by_steps']} AND {reads}")

        # Runs.
        filtered("/runs", "runs", "a step failed", lambda rng: "executions_e.last_known_state = FAILED")
        filtered("/runs", "runs", "they failed", lambda rng: "custom_properties.state.string_value = 'FAILED'")
        filtered("/runs", "runs", "they run", lambda rng: "custom_properties.state.string_value = 'RUNNING'")
        filtered("/runs", "runs", "a pipeline =", lambda rng: f"custom_properties.workflow_template.string_value = '{self.pipeline(rng)['name']}'")
        filtered("/runs", "runs", "they have it", lambda rng: f"artifacts_a.id = {self.named(rng)}")
        filtered("/runs", "runs", "they have it, 20,000", lambda rng: f"artifacts_a.id = {facts['read_by_steps']}")
        filtered("/runs", "runs", "name LIKE '%common%'", lambda rng: f"name LIKE '%{self.pipeline(rng)['name']}%'")
        filtered("/runs", "runs", "name LIKE '%absent%'", lambda rng: f"name LIKE '%nothing-{rng.randrange(10**6)}%'")
        self.add("workspaces", ["/workspaces"])
        self.add("types", ["/types"])
        self.add("serving", ["/serving"])

    def pages(self):
        facts = self.facts
        self.add("artifact", lambda rng: f"/artifacts/{self.artifact(rng)}")
        self.add("artifact with a version", lambda rng: f"/artifacts/{self.named(rng)}")
        self.add("artifact that 400 runs read", [f"/artifacts/{facts['read_by_runs']}"])
        self.add("artifact that 20,000 steps read", [f"/artifacts/{facts['read_by_steps']}"])
        self.add("artifact that 5,000 steps of a run read", [f"/artifacts/{facts['sweep_features']}"])
        self.add("artifact as JSON", lambda rng: f"/artifacts/{self.artifact(rng)}.json", accept="application/json")
        self.add("execution", lambda rng: f"/executions/{self.execution(rng)}")
        self.add("execution that failed", lambda rng: f"/executions/{rng.choice(facts['executions_failed'])}")
        self.add("execution with 500 outputs", [f"/executions/{facts['wide']}"])
        self.add("execution as JSON", lambda rng: f"/executions/{self.execution(rng)}.json", accept="application/json")
        self.add("run", lambda rng: f"/runs/{self.run(rng)}")
        self.add("run of a service", lambda rng: f"/runs/{rng.choice(facts['services'])}")
        self.add("run of 5,000 steps", [f"/runs/{facts['sweep']}"])
        self.add("run of 5,000 steps, its failed", [address(f"/runs/{facts['sweep']}", state="FAILED")])
        self.add("run of 5,000 steps, in the middle", self.run_place())
        self.add("run as JSON", lambda rng: f"/runs/{self.run(rng)}.json", accept="application/json")

    def run_place(self):
        path = f"/runs/{self.facts['sweep']}"
        steps = []

        def make(rng):
            if not steps:
                steps.extend(self.database.execute(
                    "SELECT e.id, e.create_time_since_epoch FROM Association JOIN Execution AS e ON e.id = execution_id WHERE context_id = ?",
                    (self.facts["sweep"],)))  # fmt: skip
                steps.insert(0, self.token(path, {}))
            token = m.ListOperationNextPageToken.FromString(steps[0].SerializeToString())
            token.id_offset, token.field_offset = rng.choice(steps[1:])
            return address(path, page=base64.b64encode(token.SerializeToString()).decode())

        return make

    def lineage(self):
        facts = self.facts
        self.add("lineage of an artifact", lambda rng: address("/lineage", artifact=self.artifact(rng)))
        self.add("lineage of an execution", lambda rng: address("/lineage", execution=self.execution(rng)))
        self.add("lineage of what 20,000 steps read", [address("/lineage", artifact=facts["read_by_steps"])])
        self.add("lineage of what 5,000 steps of a run read", [address("/lineage", artifact=facts["sweep_features"])])
        self.add("lineage of a step with 500 outputs", [address("/lineage", execution=facts["wide"])])
        for hops in (2, 5):
            self.add(f"lineage, {hops} hops each way", lambda rng, hops=hops: address("/lineage", artifact=self.named(rng), up=hops, down=hops), aim=150)
        self.add("lineage unfolded to 300 nodes", self.unfolded(), aim=150)
        for word, path in (("what came of", "/impact"), ("what led to", "/provenance")):
            self.add(f"{word} an artifact", lambda rng, path=path: address(path, artifact=self.artifact(rng)))
            self.add(f"{word} a registered model", lambda rng, path=path: address(path, artifact=self.named(rng)))
        self.add("what came of what 20,000 steps read", [address("/impact", artifact=facts["read_by_steps"])])
        self.add("what came of what 400 runs read", [address("/impact", artifact=facts["read_by_runs"])])
        self.add("what came of what 5,000 steps of a run read", [address("/impact", artifact=facts["sweep_features"])])
        self.add("what led to an artifact, as CSV", lambda rng: address("/provenance.csv", artifact=self.named(rng)), accept="text/csv", aim=None)
        self.add("what came of what 20,000 steps read, as CSV", [address("/impact.csv", artifact=facts["read_by_steps"])], accept="text/csv", aim=None)

    def unfolded(self):
        """The explorer after somebody unfolded one node after the other, up to 300 nodes."""
        made = []

        def walk(rng):
            path, nodes = address("/lineage", artifact=self.named(rng)), 0
            for _ in range(150):
                page = self.client.text(path)
                nodes = page.count('data-node="')
                more = [html.unescape(link) for link in re.findall(r'<a [^>]*class="plus"[^>]*href="([^"]*)"', page)]
                if nodes >= 300 or not more:
                    break
                path = rng.choice(more)
            if not nodes:
                raise LookupError(path)
            return nodes, path

        def make(rng):
            if not made:
                # Those that come nearest; small graphs end before.
                made.extend(sorted((walk(rng) for _ in range(8)), key=lambda one: abs(one[0] - 300))[:5])
                print(f"unfolded to {', '.join(str(nodes) for nodes, _ in made)} nodes", file=sys.stderr)
            return rng.choice(made)[1]

        return make

    def others(self):
        facts = self.facts
        several = {
            "runs": lambda rng, n: [self.run(rng) for _ in range(n)],
            "executions": lambda rng, n: [self.execution(rng) for _ in range(n)],
            "artifacts": lambda rng, n: [self.named(rng) for _ in range(n)],
        }
        for kind in several:
            for n in (2, 6):
                self.add(
                    f"{n} {kind} beside each other",
                    lambda rng, kind=kind, n=n: address("/compare", **{kind: ",".join(map(str, several[kind](rng, n)))}))  # fmt: skip
        self.add("the run of 5,000 steps beside another", lambda rng: address("/compare", runs=f"{facts['sweep']},{self.run(rng)}"))
        self.add("metrics of a name", lambda rng: address("/numbers", name=f"{self.pipeline(rng)['name']}-evaluation"))
        self.add("metrics of 5,000 trials", [address("/numbers", name="trial-metrics")])
        self.add("metrics of a pipeline", lambda rng: address("/numbers", pipeline=self.pipeline(rng)["name"]))

        words = {
            "a common name": lambda rng: self.pipeline(rng)["name"],
            "a common name of all": lambda rng: rng.choice(["main-logs", "train", "evaluate", "features"]),
            "a rare name": lambda rng: self.value("Context", self.run(rng), "display_name"),
            "a rare part": lambda rng: self.value("Context", self.run(rng), "display_name")[-9:],
            "a digest": lambda rng: (self.one("SELECT external_id FROM Artifact WHERE id = ?", self.named(rng)) or "")[-20:],
            "what is not there": lambda rng: "".join(rng.choices("qxzjkvw", k=8)),
            "what is not there, of common parts": lambda rng: rng.choice(["ingestrain", "nightlyweekly", "featuresplit", "main-logsteam", "trainvalidate"]),
            "three common letters": lambda rng: rng.choice(["ing", "tra", "s3:", "log", "eva", "ure", "202", "ode", "tea", "com"]),
            "two words": lambda rng: f"{self.pipeline(rng)['name']} {rng.choice(['model', 'features', 'register', 'evaluate'])}",
            "two words and a short one": lambda rng: f"{self.pipeline(rng)['name']} model v{rng.randrange(1, 9)}",
            "a uri": lambda rng: self.one("SELECT uri FROM Artifact WHERE id = ?", self.artifact(rng)),
        }
        absent = {"what is not there", "what is not there, of common parts", "two words and a short one"}
        for what, make in words.items():
            self.add(
                f"search for {what}", lambda rng, make=make: address("/search", q=make(rng)), aim=100,
                expected=None if what in absent else 'class="results"')  # fmt: skip
        for what in ("a common name", "what is not there, of common parts", "three common letters"):
            self.add(
                f"search while typing, {what}", lambda rng, make=words[what]: address("/search.json", q=make(rng), limit=8), aim=100,
                accept="application/json")  # fmt: skip


def measured(server, client, cases, case, count, limit):
    """Times, bytes and statuses of a page, and the processor time of one; `None` where this kfmd does not have it."""
    addresses = cases.addresses(case, count)
    if not addresses:
        return None
    options = {"accept": case.accept} if case.accept else {}
    # Asked for once before: statements are prepared, the file's pages are read.
    first = [client.get(path, **options) for path in dict.fromkeys(addresses[:4])]
    if all(status == 404 for status, *_ in first):
        return None
    if case.needs and case.needs not in first[0][3].decode(errors="replace"):
        return None
    times, sizes, packed, others = [], [], [], {}
    before, end = processor(server), time.perf_counter() + limit
    for path in addresses:
        status, seconds, sent, body, _ = client.get(path, **options)
        times.append(seconds)
        sizes.append(len(body))
        packed.append(len(sent))
        if status != 200:
            others[status] = others.get(status, 0) + 1
        elif case.expected and case.expected not in body.decode(errors="replace"):
            others["not found"] = others.get("not found", 0) + 1
        if time.perf_counter() > end and len(times) > 5:
            break
    return times, (processor(server) - before) / len(times), sizes, packed, others


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, -(-len(values) * part // 100) - 1)]


def kilobytes(size):
    return f"{size / 1000:.1f}"


def wait_for_index(path, most):
    """Until the search index has all of the store: seconds and bytes; `None` where there is no index."""
    start = time.monotonic()
    file = f"{path}-search"
    for _ in range(50):
        if os.path.exists(file):
            break
        time.sleep(0.1)
    else:
        return None
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    kinds = {0: "Execution", 1: "Artifact", 2: "Context"}
    while time.monotonic() - start < most:
        try:
            index = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
            known = dict(index.execute("SELECT kind, id FROM Progress"))
            index.close()
        except sqlite3.Error:
            # Not made yet, or by another way than this knows.
            known = {}
        left = sum((store.execute(f"SELECT MAX(id) FROM {kinds[kind]}").fetchone()[0] or 0) - known.get(kind, 0) for kind in kinds)
        if left <= 0:
            break
        passed = time.monotonic() - start
        if passed > 5:
            print(f"search index: {left:,} nodes to go after {passed:.0f} s", file=sys.stderr)
        time.sleep(min(30, 0.05 + passed / 10))
    else:
        print("the search index is not whole yet: what is below is measured beside its making", file=sys.stderr)
    size = sum(os.path.getsize(file + end) for end in ("", "-wal") if os.path.exists(file + end))
    return time.monotonic() - start, size


def processor(server):
    """Seconds of the processor that a server has used."""
    with open(f"/proc/{server.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def first_load(client):
    """The bytes of all that the first page needs: the page, its styles and scripts, as they are sent."""
    _, _, sent, body, _ = client.get("/")
    sizes = {"/": len(sent)}
    left = re.findall(r'(?:href|src)="([^"]*\.(?:css|js))"', body.decode())
    while left:
        path = left.pop()
        if path in sizes:
            continue
        _, _, sent, body, _ = client.get(path, accept="*/*")
        sizes[path] = len(sent)
        # What a module imports is loaded too.
        left += [path.rsplit("/", 1)[0] + "/" + name.decode() for name in re.findall(rb'(?:from|import)\s*"\./([^"]+\.js)"', body)]
    return sizes


def reads(kfmd, path, facts, arguments):
    folder, name = os.path.split(path)
    server = Server(kfmd, folder, name.removesuffix(".db"))
    index = wait_for_index(path, arguments.index_wait)
    client = Client(server.addresses["HTTP"])
    cases = Cases(client, path, facts, arguments.seed)
    cases.add("nothing (/healthz)", ["/healthz"], aim=None)
    for part in (cases.lists, cases.pages, cases.lineage, cases.others):
        part()
    print(
        f"\nstore of {facts['artifacts']:,} artifacts, {facts['executions']:,} executions, {facts['run_count']:,} runs, "
        f"{os.path.getsize(path) / 1e9:.1f} GB; {os.cpu_count()} cores; {kfmd}\n")  # fmt: skip
    print("| page | requests | median | 99 % | most | aim | processor | KB | KB in gzip | most KB in gzip |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    missed = []
    for case in cases.all:
        if arguments.only and not re.search(arguments.only, case.name) or arguments.skip and re.search(arguments.skip, case.name):
            continue
        result = measured(server, client, cases, case, arguments.requests, arguments.seconds)
        if result is None:
            print(f"| {case.name} | missing |  |  |  |  |  |  |  |  |", flush=True)
            continue
        times, used, sizes, packed, others = result
        ms = lambda seconds: f"{seconds * 1000:.1f} ms"
        late = case.aim is not None and percentile(times, 99) * 1000 > case.aim
        if late or others:
            missed.append((percentile(times, 99), case.name, others))
        problems = "".join(f" ({count} × {status})" for status, count in others.items())
        print(
            f"| {case.name}{problems} | {len(times)} | {ms(statistics.median(times))} | {ms(percentile(times, 99))}{' **missed**' if late else ''} "
            f"| {ms(max(times))} | {f'{case.aim} ms' if case.aim else ''} | {ms(used)} | {kilobytes(statistics.median(sizes))} "
            f"| {kilobytes(statistics.median(packed))} | {kilobytes(max(packed))} |", flush=True)  # fmt: skip
    sizes = first_load(client)
    parts = ", ".join(f"{path.rsplit('/', 1)[1] or path} {kilobytes(size)}" for path, size in sizes.items())
    print(f"\nfirst page with its styles and scripts, in gzip: {kilobytes(sum(sizes.values()))} KB, aim at most 60 KB ({parts})")
    print(f"sent in gzip by the server: {'yes' if client.get('/')[4] else 'no, sizes are what gzip makes of it'}")
    print(f"memory of the server at most: {server.status('VmHWM') / 1024:.0f} MiB; processor time: {processor(server):.0f} s")
    if index:
        print(f"search index whole after {index[0]:.0f} s, {index[1] / 1e9:.2f} GB")
    print(f"\n{len(missed)} pages missed their aim or were not answered, the slowest first:")
    for seconds, name, others in sorted(missed, reverse=True):
        print(f"  {seconds * 1000:8.1f} ms  {name}{f' {others}' if others else ''}")
    server.stop()


def knows_search(kfmd):
    return "--search" in subprocess.run([kfmd, "serve", "--help"], capture_output=True, text=True).stdout


def writes(kfmd, folder):
    """What the search index costs those who write: servers with and without it take turns, each on a new store."""
    rows = {}
    work = tempfile.TemporaryDirectory(dir=folder)
    for count in (1, 8):
        for number in range(ROUNDS):
            for mode in ("off", "on") if number % 2 == 0 else ("on", "off"):
                server = Server(kfmd, work.name, f"{mode}-{count}-{number}", *(["--search", "off"] if mode == "off" else []))
                remote = Remote(server.addresses["gRPC"])
                body = put_execution(put_types(remote)).SerializeToString()
                load(server.addresses["gRPC"], SERVICE + "PutExecution", body, 1, count, work.name)
                before, first = processor(server), executions(remote)
                rate = load(server.addresses["gRPC"], SERVICE + "PutExecution", body, 3, count, work.name)
                during, last = processor(server), executions(remote)
                caught_up = wait_for_index(server.store, 300) if mode == "on" else None
                row = rows.setdefault((count, mode), {"rate": [], "during": [], "all": [], "late": [], "syncs": []})
                row["rate"].append(rate)
                row["during"].append((during - before) / (last - first) * 1000)
                row["all"].append(processor(server) / last * 1000)
                row["late"].append(caught_up[0] if caught_up else 0)
                server.stop()
                row["syncs"].append(syncs(work.name))
    print(f"\nPutExecution with the search index and without, {ROUNDS} rounds in turns; medians (least to greatest)\n")
    print("| at a time | without | with | ratio | CPU a write without | with | with, once the index is whole | index whole after | syncs/s of the disk |")
    print("|---|---|---|---|---|---|---|---|---|")
    for count in (1, 8):
        off, on = rows[count, "off"], rows[count, "on"]
        print(
            f"| {count} | {spread(off['rate'], 0)}/s | {spread(on['rate'], 0)}/s | {spread([b / a for a, b in zip(off['rate'], on['rate'])])} "
            f"| {spread(off['during'], 2)} ms | {spread(on['during'], 2)} ms | {spread(on['all'], 2)} ms (without: {spread(off['all'], 2)}) "
            f"| {spread(on['late'], 1)} s | {spread(off['syncs'] + on['syncs'], 0)} |", flush=True)  # fmt: skip
    work.cleanup()


def executions(remote):
    """How many executions there are: the newest id."""
    options = m.ListOperationOptions(max_result_size=1)
    options.order_by_field.field, options.order_by_field.is_asc = m.ListOperationOptions.OrderByField.ID, False
    found = remote.call("GetExecutions", s.GetExecutionsRequest(options=options)).executions
    return found[0].id if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kfmd")
    parser.add_argument("folder", nargs="?", default=f"{tempfile.gettempdir()}/kfmd-pages")
    parser.add_argument("artifacts", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--only", help="pages whose name has this; `writes`: the search index's cost alone")
    parser.add_argument("--skip", help="pages whose name has this are left out")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20, help="the longest that one page is measured")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--index-wait", type=float, default=3600, help="the longest that the search index is waited for")
    arguments = parser.parse_args()
    kfmd, folder = os.path.abspath(arguments.kfmd), os.path.abspath(arguments.folder)
    os.makedirs(folder, exist_ok=True)
    if arguments.only != "writes":
        path = f"{folder}/pages-{arguments.artifacts}.db"
        if not os.path.exists(path):
            print(f"making {path}", file=sys.stderr)
            make_large_store.make(kfmd, path, arguments.artifacts)
        with open(f"{path}.json") as file:
            facts = json.load(file)
        reads(kfmd, path, facts, arguments)
    if not arguments.only or arguments.only == "writes":
        if not knows_search(kfmd):
            print("\nthis kfmd has no --search: what the index costs is not measured")
        elif not shutil.which("h2load"):
            print("\nh2load (nghttp2-client) is missing: what the index costs is not measured")
        else:
            writes(kfmd, folder)


if __name__ == "__main__":
    main()
