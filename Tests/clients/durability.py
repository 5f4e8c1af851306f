"""What was acknowledged is there, and nothing by halves: SIGKILL under load, a full disk, files that cannot be written.

    durability.py KFMD FOLDER [ROUNDS [SEED]]
"""

import atexit
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import grpc
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s
from ml_metadata.proto import metadata_store_service_pb2_grpc as service

KFMD, FOLDER = sys.argv[1:3]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 100
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
WRITERS = 6


class Server:
    """A kfmd serve; as another user, or with files of at most so many KiB, where that is asked."""

    def __init__(self, path, *options, user=None, limit=None):
        # By other programs: beside gRPC's threads nothing may happen between fork and exec.
        shell = ["sh", "-c", f"trap '' XFSZ; ulimit -f {2 * limit}; exec \"$@\"", "sh"] if limit else []
        if user is not None:
            shell = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        self.process = subprocess.Popen(
            [*shell, KFMD, "serve", "--store", path, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
             *options],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        atexit.register(self.process.kill)
        self.log = ""
        for line in self.process.stderr:
            self.log += line
            found = re.search(r"address=(\S+).*gRPC listens", line)
            if found:
                self.channel = grpc.insecure_channel(found[1])
                self.stub = service.MetadataStoreServiceStub(self.channel)
                break
        else:
            self.process.wait()
            raise RuntimeError(f"kfmd ended with {self.process.returncode}: {self.log}")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        self.channel.close()


def types(stub):
    return (
        stub.PutArtifactType(
            s.PutArtifactTypeRequest(artifact_type=m.ArtifactType(name="A", properties={"p": m.STRING}))
        ).type_id,
        stub.PutExecutionType(s.PutExecutionTypeRequest(execution_type=m.ExecutionType(name="E"))).type_id,
        stub.PutContextType(s.PutContextTypeRequest(context_type=m.ContextType(name="C"))).type_id,
    )


def graph(ids, name, size=200):
    """One execution with two artifacts, two events and a context."""
    artifact, execution, context = ids
    request = s.PutExecutionRequest(execution=m.Execution(type_id=execution, external_id=name))
    for kind in (m.Event.INPUT, m.Event.OUTPUT):
        node = m.Artifact(type_id=artifact, external_id=f"{name}/{kind}", properties={"p": m.Value(string_value="x" * size)})
        request.artifact_event_pairs.add(artifact=node, event=m.Event(type=kind))
    request.contexts.add(type_id=context, name=f"context-{hash(name) % 5}")
    request.options.reuse_context_if_already_exist = True
    return request


def write(stub, ids, prefix, acknowledged, stop):
    number = 0
    while not stop.is_set():
        name = f"{prefix}-{number}"
        number += 1
        try:
            stub.PutExecution(graph(ids, name))
        except grpc.RpcError:
            return
        acknowledged.append(name)


def verify(path, acknowledged):
    """Every acknowledged graph is there; every graph that is there is whole."""
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    one = lambda query: database.execute(query).fetchone()[0]
    executions = one("SELECT COUNT(*) FROM Execution")
    for query in (
        "SELECT COUNT(*) FROM Event", "SELECT COUNT(*) FROM Artifact", "SELECT COUNT(*) FROM ArtifactProperty",
        "SELECT COUNT(*) FROM Attribution", "SELECT COUNT(DISTINCT artifact_id) FROM Event",
    ):  # fmt: skip
        assert one(query) == 2 * executions, f"{query}: {one(query)} with {executions} executions"
    assert one("SELECT COUNT(*) FROM Association") == executions
    assert one("SELECT COUNT(*) FROM (SELECT 1 FROM Event GROUP BY execution_id HAVING COUNT(*) = 2)") == executions
    stored = {name for (name,) in database.execute("SELECT external_id FROM Execution")}
    lost = [name for name in acknowledged if name not in stored]
    assert not lost, f"{len(lost)} acknowledged writes are lost: {lost[:5]}"
    database.close()
    return len(stored)


def kills():
    path = f"{FOLDER}/killed.db"
    chance = random.Random(SEED)
    acknowledged = []
    ids = None
    for number in range(ROUNDS):
        server = Server(path)
        ids = ids or types(server.stub)
        stop = threading.Event()
        threads = [
            threading.Thread(target=write, args=(server.stub, ids, f"{number}/{w}", acknowledged, stop)) for w in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.02, 0.25))
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        server.channel.close()
        if number % 10 == 9 or number == ROUNDS - 1:
            # SQLite itself recovers a copy, as it is after the kill.
            for suffix in ("", "-wal"):
                if os.path.exists(path + suffix):
                    shutil.copy(path + suffix, f"{FOLDER}/copy.db{suffix}")
            verify(f"{FOLDER}/copy.db", acknowledged)
    stored = verify(path, acknowledged)
    assert len(acknowledged) > ROUNDS, "hardly anything was written"
    print(f"{ROUNDS} kills, {len(acknowledged)} acknowledged, {stored} stored, seed {SEED}")


def full_disk():
    """A disk of 3 MiB; where that cannot be mounted, files that may not grow beyond that."""
    folder = f"{FOLDER}/disk"
    os.makedirs(folder)
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0

    path = f"{folder}/full.db"
    try:
        server = Server(path, limit=None if mounted else 3 << 10)
        ids = types(server.stub)
        acknowledged, error = [], None
        for number in range(500):
            try:
                server.stub.PutExecution(graph(ids, f"full-{number}", 20_000))
                acknowledged.append(f"full-{number}")
            except grpc.RpcError as refusal:
                error = refusal
                break
        assert error is not None, "the disk never filled up"
        # Of files that may not grow SQLite does not say that the disk is full.
        codes = [grpc.StatusCode.RESOURCE_EXHAUSTED] + ([] if mounted else [grpc.StatusCode.UNAVAILABLE])
        assert error.code() in codes and "disk" in error.details(), error
        assert len(acknowledged) > 10
        # It goes on reading, and refusing, and all that was acknowledged is there.
        found = server.stub.GetExecutions(s.GetExecutionsRequest()).executions
        assert [item.external_id for item in found] == acknowledged
        try:
            server.stub.PutExecution(graph(ids, "again", 2_000_000))
            raise AssertionError("written to a full disk")
        except grpc.RpcError as refusal:
            assert refusal.code() in codes, refusal
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=20m", folder], check=True)
            server.stub.PutExecution(graph(ids, "after", 20_000))
            acknowledged.append("after")
        server.kill()
        verify(path, acknowledged)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], check=False)
    print(f"a full disk ({'tmpfs' if mounted else 'limited files'}): {len(acknowledged)} acknowledged, all there")


def locked():
    path = f"{FOLDER}/locked.db"
    server = Server(path)
    ids = types(server.stub)
    server.stub.PutExecution(graph(ids, "before"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        server.stub.PutExecution(graph(ids, "meanwhile"), timeout=40)
        raise AssertionError("written in spite of the lock")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE and "locked" in error.details(), error
    assert len(server.stub.GetExecutions(s.GetExecutionsRequest()).executions) == 1
    other.execute("ROLLBACK")
    other.close()
    server.stub.PutExecution(graph(ids, "after"))
    server.stop()
    verify(path, ["before", "after"])
    print("a locked file: refused in time, read meanwhile, written after")


def not_writable():
    folder = f"{FOLDER}/readonly"
    os.makedirs(folder)
    path = f"{folder}/store.db"
    server = Server(path)
    server.stop()
    os.chmod(path, 0o444)
    os.chmod(folder, 0o555)
    # Root may write what is read-only: another user then.
    nobody = 65534 if os.getuid() == 0 else None
    os.chmod(FOLDER, 0o755)
    try:
        Server(path, user=nobody)
        raise AssertionError("serves a file that it may not write")
    except RuntimeError as error:
        assert "store.db" in str(error) and "read-only" in str(error), error
    os.chmod(folder, 0o755)
    os.makedirs(f"{FOLDER}/folder.db")
    for path, word in ((f"{FOLDER}/folder.db", "folder.db"), (f"{FOLDER}/none/x.db", "none/x.db"), (__file__, "not a SQLite")):
        try:
            Server(path)
            raise AssertionError(f"serves {path}")
        except RuntimeError as error:
            assert word in str(error), error
    print("files that cannot be served are named")


def main():
    parts = (kills, full_disk, locked, not_writable)
    failures = []

    def guarded(part):
        import traceback

        try:
            part()
        except BaseException:
            failures.append(f"{part.__name__} (seed {SEED}): {traceback.format_exc()}")

    threads = [threading.Thread(target=guarded, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
