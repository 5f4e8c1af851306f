"""Recorded clusters that are played into stores, and a `kfmd serve` that shows them."""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/clients"))

from server import Server


def play(kfmd, folder, example, name=None, speed=20):
    """Plays a recorded cluster into the store FOLDER/NAME.db, to its end; the name is the example's own by default."""
    recording = ROOT / "Examples" / example
    assert recording.is_dir(), f"there is no recorded cluster {recording}"
    ended = subprocess.run(
        [kfmd, "demo", "--recording", recording, "--store", f"{folder}/{name or example}.db", "--speed", str(speed),
         "--http-listen", "127.0.0.1:0"],
        env={**os.environ, "KFMD_DEMO_EXIT": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, f"kfmd demo ended with {ended.returncode}: {ended.stderr or ended.stdout}"


class Site(Server):
    """The pages of the store FOLDER/NAME.db, with `base` before their paths."""

    def __init__(self, kfmd, folder, name, *options, base=""):
        super().__init__(kfmd, folder, name, *options)
        self.home = f"http://{self.addresses['HTTP']}{base}"
        self.wait_for_search()

    def json(self, path):
        return read_json(self.home + path)

    def wait_for_search(self, seconds=60):
        """Until the search has all that is in the store."""
        end = time.time() + seconds
        while "not in the index yet" in self.json("/search.json?q=qqqqqq").get("note", ""):
            assert time.time() < end, f"the search index is not ready after {seconds} s"
            time.sleep(0.1)

    def node(self, kind, title, **fields):
        """
        The page of the newest artifact, execution or run of that title: /artifacts/7.

        Fields that are asked for are looked for beside the title, and among the properties.
        """
        items = self.json(f"/{kind}.json?limit=5000")["items"]
        for item in items:
            values = {**item.get("properties", {}), **item.get("custom_properties", {}), **item}
            if item["title"] == title and all(str(values.get(key, "")).lower() == fields[key] for key in fields):
                return item["href"]
        raise AssertionError(f"there is none of {title} {fields} in {kind}.json: {sorted({i['title'] for i in items})}")


def read_json(address):
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{address}: {error.code} {error.read()[:300]}") from None
    except json.JSONDecodeError as error:
        raise AssertionError(f"{address}: no JSON, {error}") from None


def addresses(site):
    """All kinds of pages, of the example `fraud`: a name and an address each."""

    def number(kind, title, **fields):
        return site.node(kind, title, **fields).rsplit("/", 1)[1]

    data = number("artifacts", "transactions", uri="s3://bank-lake/transactions/2026-11-03")
    model = number("artifacts", "fraud-scorer")
    earlier_model = number("artifacts", "fraud-scorer", uri="s3://fraud-models/fraud-scorer/v25")
    metrics = number("artifacts", "fraud-evaluation")
    step = number("executions", "train(0)", state="complete")
    failed_step = number("executions", "features", state="failed")
    service = number("executions", "fraud-scorer", state="running")
    run, before = number("runs", "nightly-20261119"), number("runs", "nightly-20261107")
    failed_run = number("runs", "nightly-20261020")
    return {
        "artifacts": "/",
        "artifacts-narrowed": "/artifacts?type=kubeflow.org%2Falpha%2Fmodel&workspace=fraud&group=type&order=oldest",
        "executions": "/executions",
        "executions-failed": "/executions?state=FAILED",
        "executions-none": "/executions?state=UNKNOWN",
        "runs": "/runs",
        "workspaces": "/workspaces",
        "types": "/types",
        "serving": "/serving",
        "search": "/search",
        "search-found": "/search?q=fraud-model",
        "search-nothing": "/search?q=qqqqqq",
        "artifact-data": f"/artifacts/{data}",
        "artifact-model": f"/artifacts/{model}",
        "artifact-metrics": f"/artifacts/{metrics}",
        "execution": f"/executions/{step}",
        "execution-failed": f"/executions/{failed_step}",
        "execution-serving": f"/executions/{service}",
        "run": f"/runs/{run}",
        "run-failed": f"/runs/{failed_run}",
        "run-experiment": "/runs/" + number("runs", "tune-learning-rate"),
        "lineage": f"/lineage?artifact={model}",
        "lineage-execution": f"/lineage?execution={step}",
        "lineage-wide": f"/lineage?artifact={data}&up=6&down=6",
        "lineage-path": f"/lineage?artifact={data}&to=a{model}",
        "lineage-folded": f"/lineage?artifact={data}&up=6&down=6&fold=1",
        "impact": f"/impact?artifact={data}",
        "impact-sorted": f"/impact?artifact={data}&sort=name&desc=1",
        "impact-serving": f"/impact?artifact={data}&only=serving",
        "provenance": f"/provenance?artifact={model}",
        "compare-runs": f"/compare?runs={before},{run}",
        "compare-executions": f"/compare?executions={step},{failed_step}",
        "compare-artifacts": f"/compare?artifacts={earlier_model},{model}",
        "metrics": "/numbers?name=fraud-evaluation",
        "metrics-pipeline": "/numbers?pipeline=fraud-nightly",
    }


# Pages that say that something is not there, or cannot be asked; with the status of each.
PROBLEMS = {
    "problem-missing": ("/artifacts/999999", 404),
    "problem-state": ("/executions?state=BROKEN", 400),
    "problem-filter": ("/artifacts?filter=uri+%3D", 400),
    "problem-compare": ("/compare?runs=1", 400),
}
