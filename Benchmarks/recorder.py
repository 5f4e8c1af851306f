"""Measures the recorder: a backlog to the last pod in the store, and pods that come and go.

    recorder.py KFMD RECORDER_BENCH [backlog|live|memory|growth]...     (growth takes minutes, and only on demand)

Everything runs on this machine and shares its cores: the API server with its pods, the recorder, the
service. CPU and memory are the recorder's own.
"""

import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

KFMD, BENCH = sys.argv[1:3]
WANTED = sys.argv[3:] or ["backlog", "live", "memory"]


def free_port():
    import socket
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Site:
    """A folder with a service, and what else is started in it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kfmd-bench-")
        self.store = f"{self.folder}/store.db"
        self.kubeconfig = f"{self.folder}/kubeconfig"
        self.processes = []
        self.grpc = free_port()
        http = free_port()
        self.start([KFMD, "serve", "--store", self.store, "--grpc-listen", f"127.0.0.1:{self.grpc}",
                    "--http-listen", f"127.0.0.1:{http}"])
        wait_for(lambda: get(f"http://127.0.0.1:{http}/readyz"))

    def start(self, command, **options):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def cluster(self, *arguments, **options):
        process = self.start([BENCH, "cluster", "--kubeconfig", self.kubeconfig, *map(str, arguments)], **options)
        wait_for(lambda: os.path.exists(self.kubeconfig) and os.path.getsize(self.kubeconfig) > 0, 300)
        return process

    def record(self):
        self.http = free_port()
        return self.start([KFMD, "record", "--kubeconfig", self.kubeconfig, "--metadata", f"127.0.0.1:{self.grpc}",
                           "--journal", f"{self.folder}/journal.db", "--http-listen", f"127.0.0.1:{self.http}"])

    def metric(self, name):
        try:
            text = get(f"http://127.0.0.1:{self.http}/metrics").decode()
        except OSError:
            return 0.0
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))

    def query(self, sql):
        connection = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)


def get(url):
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if result := condition():
                return result
        except OSError:
            pass
        time.sleep(0.02)
    raise TimeoutError


def cpu(process):
    """Seconds of CPU that a process has used."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process):
    """MB: now, and the most there was."""
    with open(f"/proc/{process.pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    return tuple(int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))


def backlog(pods):
    with Site() as site:
        site.cluster("--backlog", pods)
        # The API server has its pods as JSON before the clock starts: it is not what is measured.
        server = re.search(r'server: "([^"]+)"', open(site.kubeconfig).read())[1]
        get(f"{server}/api/v1/pods")
        begun = time.monotonic()
        recorder = site.record()
        done = "SELECT count(*) FROM Execution WHERE last_known_state = 3"
        wait_for(lambda: site.query(done)[0][0] >= pods, 600)
        wait_for(lambda: site.metric("kfmd_journal_depth") == 0, 60)
        seconds = time.monotonic() - begun
        used, (now, peak) = cpu(recorder), memory(recorder)
        counts = site.query("SELECT (SELECT count(*) FROM Execution), (SELECT count(*) FROM Artifact),"
                            " (SELECT count(*) FROM Event)")[0]
        return seconds, used, now, peak, counts


def bare(pods):
    with Site() as prepared, Site() as measured:
        output = subprocess.run(
            [BENCH, "writer", "--pods", str(pods), "--prepare", f"127.0.0.1:{prepared.grpc}",
             "--metadata", f"127.0.0.1:{measured.grpc}"], capture_output=True, text=True, check=True).stdout
        return float(re.search(r"([\d.]+) seconds", output)[1])


def live(rate, seconds):
    with Site() as site:
        cluster = site.cluster("--rate", rate, "--seconds", seconds, stdin=subprocess.PIPE)
        recorder = site.record()
        wait_for(lambda: site.metric("kfmd_ready") == 1)
        before = cpu(recorder)
        cluster.stdin.write(b"\n")
        cluster.stdin.flush()
        wait_for(lambda: os.path.exists(site.kubeconfig + ".played"), seconds * 3)
        count = rate * seconds
        try:
            wait_for(lambda: site.query(
                "SELECT count(*) FROM Execution WHERE last_known_state = 3")[0][0] >= count, 30)
        except TimeoutError:
            pass
        rows = site.query(
            "SELECT e.last_update_time_since_epoch - coalesce(p.int_value, p.double_value, p.string_value) FROM Execution e JOIN Event v ON v.execution_id = e.id"
            " AND v.type = 4 JOIN ArtifactProperty p ON p.artifact_id = v.artifact_id AND p.name = 'emitted'")
        lags = sorted(row[0] / 1000 for row in rows)
        used, (now, peak) = cpu(recorder) - before, memory(recorder)
        return count, lags, used, peak


def growth(pods, rate):
    """Resident memory after 1,000 finished pods and after many."""
    with Site() as site:
        cluster = site.cluster("--rate", rate, "--seconds", pods // rate, stdin=subprocess.PIPE)
        recorder = site.record()
        wait_for(lambda: site.metric("kfmd_ready") == 1)
        cluster.stdin.write(b"\n")
        cluster.stdin.flush()

        def recorded():
            return site.query("SELECT count(*) FROM Execution WHERE last_known_state = 3")[0][0]
        wait_for(lambda: recorded() >= 1000, 60)
        early = memory(recorder)[0]
        wait_for(lambda: recorded() >= pods // rate * rate, pods / rate * 3 + 60)
        time.sleep(2)
        return early, memory(recorder)[0]


def main():
    if "backlog" in WANTED:
        pods = 20000
        seconds, used, now, peak, counts = backlog(pods)
        writer = bare(pods)
        print(f"backlog of {pods}: {pods / seconds:.0f} pods/s, {used / pods * 1000:.2f} ms of CPU a pod, "
              f"peak {peak:.0f} MB; {counts[0]} executions, {counts[1]} artifacts, {counts[2]} events")
        print(f"a bare writer: {pods / writer:.0f} pods/s; the recorder's share of it: {writer / seconds:.2f}")
    if "live" in WANTED:
        count, lags, used, peak = live(100, 20)
        print(f"live at 100 pods/s: {len(lags)} of {count} recorded, lag median {statistics.median(lags):.2f} s, "
              f"p99 {lags[int(len(lags) * 0.99)]:.2f} s, {used / count * 1000:.2f} ms of CPU a pod, peak {peak:.0f} MB")
    if "growth" in WANTED:
        early, late = growth(100000, 400)
        print(f"memory after 1,000 finished pods {early:.0f} MB, after 100,000 {late:.0f} MB: {late / early:.2f}")
    if "memory" in WANTED:
        seconds, used, now, peak, _ = backlog(20000)
        print(f"backlog of 20000: {20000 / seconds:.0f} pods/s, peak {peak:.0f} MB, then {now:.0f} MB")


main()
