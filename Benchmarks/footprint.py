"""Measures the release binary: size, start to ready, memory at rest, import of many steps.

    footprint.py BINARY [OTHER...]

With others, the import by all of them in turns too: what a change costs.
Times on a busy machine mean little by themselves: each is the median of several runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request


def memory(pid):
    """Resident memory in MB: now, and the most there was."""
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    return tuple(int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))


def free_port():
    import socket
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def start(binary, folder):
    port = free_port()
    begun = time.monotonic()
    process = subprocess.Popen(
        [binary, "serve", "--store", os.path.join(folder, "store.db"), "--grpc-listen", "127.0.0.1:0",
         "--http-listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).read()
            return process, port, time.monotonic() - begun
        except OSError:
            time.sleep(0.001)


def workflow(number, steps):
    """A finished workflow whose steps form a chain of artifacts."""
    name = f"wf-{number}"
    nodes = {}
    for i in range(steps):
        key = {"s3": {"key": f"{name}/{i}.tgz"}}
        nodes[f"{name}-{i}"] = {
            "id": f"{name}-{i}", "name": f"{name}.step{i}", "displayName": f"step{i}", "type": "Pod",
            "phase": "Succeeded", "templateName": "t", "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": "2026-01-01T00:01:00Z",
            "inputs": {"artifacts": [{"name": "in", **{"s3": {"key": f"{name}/{i - 1}.tgz"}}}] if i else []},
            "outputs": {"artifacts": [{"name": "out", **key}]}}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": name, "namespace": "bench", "uid": f"uid-{number}"},
        "spec": {"templates": []},
        "status": {"phase": "Succeeded", "nodes": nodes, "artifactRepositoryRef": {
            "artifactRepository": {"s3": {"bucket": "b", "endpoint": "e"}}}}}


def run(command):
    """Seconds of processor time and MB at most of a command."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def imports(binaries, path, folder):
    """The same import by several binaries in turns, seven times: medians, and between what they lie."""
    found = {binary: [] for binary in binaries}
    store = os.path.join(folder, "turns.db")
    for _ in range(7):
        for binary in binaries:
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(store + suffix):
                    os.remove(store + suffix)
            found[binary].append((*run([binary, "import", path, "--store", store]), os.path.getsize(store) / 1e6))
    for binary, rows in found.items():
        seconds, memory, size = zip(*rows)
        print(f"{binary}: {statistics.median(seconds):.2f} s CPU ({min(seconds):.2f} to {max(seconds):.2f}), "
              f"{statistics.median(memory):.1f} MB at most, store of {size[-1]:.1f} MB")


def processor(pid):
    """Seconds of processor time of a process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sidecar(binary, folder, service):
    """A sidecar without rights beside a service: ms until it records, MB at rest, and what share of a core it takes."""
    os.makedirs(os.path.join(folder, "info"), exist_ok=True)
    annotations = {
        "metadata.kubeflow.org/inputs": "{type: data_set, uri: s3://lake/in}",
        "metadata.kubeflow.org/injected": json.dumps({"cluster": "c", "containers": [{"name": "c"}]}),
    }
    with open(os.path.join(folder, "info", "annotations"), "w") as file:
        for key, value in annotations.items():
            file.write(f"{key}={json.dumps(value)}\n")
    open(os.path.join(folder, "info", "labels"), "w").close()
    begun = time.monotonic()
    process = subprocess.Popen(
        [binary, "sidecar", "--pod-name", "train-1", "--pod-namespace", "ml", "--pod-uid", "uid-1", "--cluster", "c",
         "--pod-info", os.path.join(folder, "info"), "--termination-message", os.path.join(folder, "message"),
         "--metadata", service], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "recording" in line:
            break
    ready = time.monotonic() - begun
    time.sleep(3)
    before, rest = processor(process.pid), memory(process.pid)[0]
    time.sleep(20)
    share = (processor(process.pid) - before) / 20
    process.terminate()
    begun = time.monotonic()
    process.wait()
    return ready * 1000, rest, share * 100, (time.monotonic() - begun) * 1000


def main():
    binary, others = sys.argv[1], sys.argv[2:]
    print(f"binary, stripped          {os.path.getsize(binary) / 1e6:8.1f} MB")
    starts, rests = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            process, port, took = start(binary, folder)
            starts.append(took * 1000)
            time.sleep(1)
            rests.append(memory(process.pid)[0])
            process.terminate()
            process.wait()
    print(f"start to ready            {statistics.median(starts):8.1f} ms")
    print(f"resident at rest          {statistics.median(rests):8.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        grpc = free_port()
        process = subprocess.Popen(
            [binary, "serve", "--store", os.path.join(folder, "store.db"), "--grpc-listen", f"127.0.0.1:{grpc}",
             "--http-listen", "127.0.0.1:0"], stderr=subprocess.DEVNULL)
        time.sleep(1)
        rows = [sidecar(binary, folder, f"127.0.0.1:{grpc}") for _ in range(3)]
        process.terminate()
        process.wait()
    for label, unit, values in zip(
        ("sidecar, start to record", "sidecar, resident", "sidecar, of a core", "sidecar, SIGTERM to end"),
        ("ms", "MB", "%", "ms"), zip(*rows)
    ):
        print(f"{label:25} {statistics.median(values):8.1f} {unit}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "workflows.jsonl")
        workflows, steps = 200, 25
        with open(path, "w") as file:
            for number in range(workflows):
                file.write(json.dumps(workflow(number, steps)) + "\n")
        if others:
            imports([binary, *others], path, folder)
        command = [binary, "import", path, "--store", os.path.join(folder, "store.db")]
        for label in ("import of 5,000 steps", "the same again"):
            begun = time.monotonic()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            took = time.monotonic() - begun
            assert status == 0
            print(f"{label:25} {workflows * steps / took:8.0f} steps/s, {usage.ru_utime + usage.ru_stime:.2f} s CPU, "
                  f"{usage.ru_maxrss / 1024:.0f} MB at most")


if __name__ == "__main__":
    main()
