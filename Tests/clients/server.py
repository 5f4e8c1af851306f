"""A `kfmd serve` on free ports, for the scripts that test it."""

import atexit
import re
import signal
import subprocess
import threading

import grpc
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s


class Server:
    def __init__(self, kfmd, folder, name, *options):
        self.store = f"{folder}/{name}.db"
        self.process = subprocess.Popen(
            [kfmd, "serve", "--store", self.store, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
             *options],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        atexit.register(self.process.kill)
        self.log = ""
        self.addresses = {}
        for line in self.process.stderr:
            self.log += line
            found = re.search(r"address=(\S+).*(gRPC|HTTP) listens", line)
            if found:
                self.addresses[found[2]] = found[1]
            if len(self.addresses) == 2:
                break
        else:
            raise AssertionError(f"kfmd ended: {self.log}")
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        for line in self.process.stderr:
            self.log += line

    def channel(self, *options):
        return grpc.insecure_channel(self.addresses["gRPC"], options=[("grpc.max_receive_message_length", -1), *options])

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)
        assert self.process.wait(60) == 0, self.log

    def status(self, field):
        """A number of /proc/PID/status, such as VmHWM in KiB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(rf"{field}:\s+(\d+)", file.read())[1])


def slow_request(stub, kind):
    """A list that takes a minute, were it let run, with the nodes that it looks at."""
    run = stub.PutContextType(s.PutContextTypeRequest(context_type=m.ContextType(name="Run"))).type_id
    contexts = stub.PutContexts(
        s.PutContextsRequest(contexts=[m.Context(type_id=run, name=f"run-{n}") for n in range(60)])
    ).context_ids
    artifacts = stub.PutArtifacts(s.PutArtifactsRequest(artifacts=[m.Artifact(type_id=kind)] * 300)).artifact_ids
    links = [m.Attribution(artifact_id=a, context_id=c) for a in artifacts for c in contexts]
    stub.PutAttributionsAndAssociations(s.PutAttributionsAndAssociationsRequest(attributions=links))
    # Each four contexts of each artifact are looked at.
    slow = "contexts_a.id < contexts_b.id AND contexts_b.id < contexts_c.id AND contexts_c.id < contexts_d.id"
    slow += " AND contexts_d.name LIKE '%none'"
    return s.GetArtifactsRequest(options=m.ListOperationOptions(max_result_size=1, filter_query=slow))


def refused(call, code, *words):
    try:
        call()
    except grpc.RpcError as error:
        codes = code if isinstance(code, tuple) else (code,)
        assert error.code() in codes, error
        for word in words:
            assert word in error.details(), error.details()
        return error
    raise AssertionError(f"not refused with {code}")
