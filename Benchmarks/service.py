"""The metadata service against the original store: writes, lists and lineage, both durable, on the same disk.

    service.py KFMD [FOLDER] [ARTIFACTS]

The original (the C++ store of the wheel ml-metadata) is called in process, without any network, and
behind a gRPC server of Python. kfmd is called over gRPC. Writes over gRPC are sent by h2load, which
costs little beside the server (both share the machine's cores), reads by the Python client.

Of writes both sides take turns, ROUNDS times; each round has a ratio, and the median of these is printed
with the least and the greatest. Beside kfmd's own rate stands that of a handler of the same server and
transport that does nothing (grpc.health.v1.Health/Check, with a message as long), and the syncs that the
disk did each second in the same rounds: what a day's figures depend on. Times of reads are medians; their
ratio is to the original behind gRPC.
"""

import concurrent.futures
import os
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s
from ml_metadata.proto import metadata_store_service_pb2_grpc as service

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVICE = "/ml_metadata.MetadataStoreService/"
ROUNDS = 7


class Original:
    """The wheel's store, in process; one call at a time, as it takes them."""

    def __init__(self, path):
        self.store = self.connect(path)
        self.lock = threading.Lock()

    def connect(self, path):
        config = m.ConnectionConfig()
        config.sqlite.filename_uri = path
        config.sqlite.connection_mode = m.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return MetadataStore(config)

    def call(self, method, request):
        response = getattr(s, method + "Response")()
        with self.lock:
            self.store._call(method, request, response)
        return response

    def serve(self):
        """The same store behind a gRPC server; its address."""
        outer = self

        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                method = details.method.rsplit("/", 1)[1]
                return grpc.unary_unary_rpc_method_handler(
                    lambda request, _: outer.call(method, request),
                    request_deserializer=getattr(s, method + "Request").FromString,
                    response_serializer=lambda response: response.SerializeToString(),
                )

        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[Handler()])
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        return f"127.0.0.1:{port}"


class Ours:
    def __init__(self, kfmd, path):
        self.process = subprocess.Popen(
            [kfmd, "serve", "--store", path, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
             "--predefined-types", "none"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for line in self.process.stderr:
            found = re.search(r"address=(\S+).*gRPC listens", line)
            if found:
                self.address = found[1]
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.call = Remote(self.address).call

    def memory(self, field="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(field + r":\s+(\d+)", file.read())[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Remote:
    """A store behind gRPC at an address."""

    def __init__(self, address):
        self.stub = service.MetadataStoreServiceStub(
            grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
        )

    def call(self, method, request):
        return getattr(self.stub, method)(request)


def put_types(store):
    artifact = m.ArtifactType(name="A", properties={"p": m.STRING, "n": m.INT})
    return (
        store.call("PutArtifactType", s.PutArtifactTypeRequest(artifact_type=artifact)).type_id,
        store.call("PutExecutionType", s.PutExecutionTypeRequest(execution_type=m.ExecutionType(name="E"))).type_id,
        store.call("PutContextType", s.PutContextTypeRequest(context_type=m.ContextType(name="C"))).type_id,
    )


def artifact(kind, number):
    result = m.Artifact(type_id=kind, uri=f"s3://bucket/{number}")
    result.properties["p"].string_value = "text"
    result.properties["n"].int_value = number
    result.custom_properties["note"].string_value = "text"
    return result


def put_execution(ids):
    """One execution, two artifacts, two contexts."""
    request = s.PutExecutionRequest(execution=m.Execution(type_id=ids[1]))
    request.execution.custom_properties["a"].string_value = "text"
    request.execution.custom_properties["b"].int_value = 1
    for number, kind in enumerate((m.Event.INPUT, m.Event.OUTPUT)):
        request.artifact_event_pairs.add(artifact=artifact(ids[0], number), event=m.Event(type=kind))
    for name in ("one", "two"):
        request.contexts.add(type_id=ids[2], name=name)
    request.options.reuse_context_if_already_exist = True
    return request


def put_subgraph(ids):
    """Fifty executions, each with an input and an output."""
    request = s.PutLineageSubgraphRequest()
    for number in range(50):
        request.executions.add(type_id=ids[1]).custom_properties["a"].string_value = "text"
        for kind in (m.Event.INPUT, m.Event.OUTPUT):
            request.artifacts.append(artifact(ids[0], number))
            request.event_edges.add(
                execution_index=number, artifact_index=len(request.artifacts) - 1, event=m.Event(type=kind)
            )
    return request


def in_process(store, method, request, seconds):
    start, calls = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        store.call(method, request)
        calls += 1
    return calls / (time.perf_counter() - start)


def empty(size):
    """A message as long, of which the health check reads nothing: field 100 is unknown to it."""
    length, head = size, b""
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    return b"\xa2\x06" + head + bytes([length]) + b"x" * size


def load(address, path, body, seconds, connections, folder):
    """Calls per second of h2load: one at a time on each connection."""
    file = f"{folder}/body"
    with open(file, "wb") as out:
        out.write(struct.pack(">BI", 0, len(body)) + body)
    output = subprocess.run(
        ["h2load", "-D", str(seconds), "-c", str(connections), "-m", "1", "-d", file,
         "-H", "content-type: application/grpc", "-H", "te: trailers", f"http://{address}{path}"],
        capture_output=True, text=True, check=True, timeout=30 + 10 * seconds,
    ).stdout  # fmt: skip
    assert re.search(r"\b0 failed, 0 errored", output), output
    return float(re.search(r"([\d.]+) req/s", output)[1])


def syncs(folder, seconds=0.5):
    """How often a second the disk makes 4 KiB durable."""
    with open(f"{folder}/sync", "wb") as file:
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            file.seek(0)
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - start)


def spread(values, digits=2):
    """The median, and between what the values lie."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def in_turns(sides):
    """Rates of each side, which take turns, forth and back."""
    rates = {name: [] for name in sides}
    for number in range(ROUNDS):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            rates[name].append(sides[name]())
    return rates


def writes(kfmd, folder):
    original = Original(f"{folder}/original.db")
    ours = Ours(kfmd, f"{folder}/ours.db")
    ids = put_types(original)
    assert put_types(ours) == ids
    behind = original.serve()
    print(f"\n{ROUNDS} rounds in turns; medians (least to greatest)\n")
    print("| what | original | kfmd | ratio | empty handler | share of it | syncs/s of the disk |")
    print("|---|---|---|---|---|---|---|")
    for method, request, clients in [
        ("PutExecution", put_execution(ids), (1, 8, 64)), ("PutLineageSubgraph", put_subgraph(ids), (1, 8)),
    ]:  # fmt: skip
        for store in (original, ours):
            in_process(store, method, request, 0.3)
        body = request.SerializeToString()
        nothing = empty(len(body))
        for count in clients:
            sides = {
                "behind": lambda: load(behind, SERVICE + method, body, 1, count, folder),
                "ours": lambda: load(ours.address, SERVICE + method, body, 1, count, folder),
                "empty": lambda: load(ours.address, "/grpc.health.v1.Health/Check", nothing, 1, count, folder),
                "syncs": lambda: syncs(folder),
            }
            if count == 1:
                sides["in process"] = lambda: in_process(original, method, request, 1)
            rates = in_turns(sides)
            share = spread([mine / most for mine, most in zip(rates["ours"], rates["empty"])])
            for side in ("in process", "behind"):
                if side not in rates:
                    continue
                ratio = spread([mine / theirs for mine, theirs in zip(rates["ours"], rates[side])])
                where = "in process" if side == "in process" else "behind gRPC"
                print(
                    f"| {method}, {count} at a time | {where} {spread(rates[side], 0)}/s | {spread(rates['ours'], 0)}/s | {ratio} "
                    f"| {spread(rates['empty'], 0)}/s | {share} | {spread(rates['syncs'], 0)} |", flush=True,
                )  # fmt: skip
    original.server.stop(None)
    ours.stop()


def median_time(store, method, requests):
    """Seconds of one call, over requests that differ; at most some seconds in all."""
    times = []
    end = time.perf_counter() + 4
    for request in requests:
        start = time.perf_counter()
        store.call(method, request)
        times.append(time.perf_counter() - start)
        if time.perf_counter() > end and len(times) > 2:
            break
    return statistics.median(times)


def options(size=20, query="", field=m.ListOperationOptions.OrderByField.ID, ascending=True):
    result = m.ListOperationOptions(max_result_size=size)
    result.order_by_field.field = field
    result.order_by_field.is_asc = ascending
    if query:
        result.filter_query = query
    return result


def reads(kfmd, path, folder, count):
    original, ours = Original(f"{folder}/big-original.db"), Ours(kfmd, path)
    behind = Remote(original.serve())
    steps = count // 2
    rows = []
    places = [count // 50 * n + 1 for n in range(1, 49)]

    def row(name, method, requests):
        requests = list(requests)
        for store in (original, behind, ours):
            store.call(method, requests[0])
        process, served, mine = (median_time(store, method, requests) for store in (original, behind, ours))
        ms = lambda seconds: f"{seconds * 1000:.2f} ms"
        rows.append((name, ms(process), ms(served), ms(mine), served / mine, "at least 1"))

    lists = {
        "uri": "uri = 's3://bucket/runs/{n200}/{n}'",
        "a name": "name = 'artifact-{odd}'",
        "a type": "type = 'artifact-3'",
        "a type and a state": "type = 'artifact-3' AND state = LIVE",
        "a property of text": "properties.owner.string_value = 'owner-{n1000}'",
        "a property of numbers": "properties.rows.int_value = {n100000}",
        "two properties": "properties.rows.int_value > 99990 AND properties.owner.string_value LIKE 'owner-99%'",
        "a context": "contexts_run.type = 'run' AND contexts_run.name = 'run-{run}'",
        "an event": "events_0.execution_id = {step}",
        "one of three ids": "id = {n} OR id = {odd} OR id IN ({step})",
        "a time": "create_time_since_epoch > 1700000000000 AND last_update_time_since_epoch < 1700000{n6}",
    }
    for name, query in lists.items():
        values = lambda n: dict(
            n=n, n200=n // 200, odd=n | 1, n1000=n % 1000, n100000=n % 100_000, run=n // 200 + 1, step=n // 2, n6=f"{n % 10**6:06}"
        )
        row(
            f"artifacts of {name}", "GetArtifacts",
            (s.GetArtifactsRequest(options=options(query=query.format(**values(n)))) for n in places),
        )  # fmt: skip
    row("newest artifacts", "GetArtifacts", [
        s.GetArtifactsRequest(options=options(field=m.ListOperationOptions.OrderByField.CREATE_TIME, ascending=False))] * 20)  # fmt: skip
    row("GetArtifactsByURI", "GetArtifactsByURI", (
        s.GetArtifactsByURIRequest(uris=[f"s3://bucket/runs/{n // 200}/{n}"]) for n in places))  # fmt: skip
    row("artifacts of a type, newest", "GetArtifactsByType", [
        s.GetArtifactsByTypeRequest(type_name="artifact-2", options=options(
            field=m.ListOperationOptions.OrderByField.CREATE_TIME, ascending=False))] * 20)  # fmt: skip
    row("GetLineageSubgraph, 10 hops", "GetLineageSubgraph", (
        s.GetLineageSubgraphRequest(lineage_subgraph_query_options=m.LineageSubgraphQueryOptions(
            starting_artifacts=m.LineageSubgraphQueryOptions.StartingNodes(filter_query=f"id = {n}"), max_num_hops=10,
            direction=m.LineageSubgraphQueryOptions.BIDIRECTIONAL), read_mask={"paths": ["artifacts", "executions", "events"]})
        for n in places))  # fmt: skip

    # Pages of a context, first and last: the cost of the page, not of the context.
    pages = {}
    for order, field in (("id", m.ListOperationOptions.OrderByField.ID), ("time", m.ListOperationOptions.OrderByField.CREATE_TIME)):
        for name, context, size in (("1,000", steps // 100 + 1, 1000), ("100,000", steps // 100 + 2, 100_000)):
            whole = lambda size, token="": s.GetExecutionsByContextRequest(
                context_id=context, options=m.ListOperationOptions(
                    max_result_size=size, order_by_field={"field": field}, next_page_token=token))  # fmt: skip
            token = ours.call("GetExecutionsByContext", whole(min(size, steps) - 20)).next_page_token
            for place, request in (("first", whole(20)), ("last", whole(20, token))):
                found = ours.call("GetExecutionsByContext", request)
                assert len(found.executions) == 20, len(found.executions)
                assert (place == "last") == (found.next_page_token == "")
                if place == "first" and order == "id":
                    row(f"executions of a context of {name}, {place} page", "GetExecutionsByContext", [request] * 60)
                pages[order, name, place] = statistics.median(
                    median_time(ours, "GetExecutionsByContext", [request] * 40) for _ in range(5)
                )
    for order in ("id", "time"):
        for place in ("first", "last"):
            small, large = pages[order, "1,000", place], pages[order, "100,000", place]
            rows.append((f"page of 20 by {order}, {place}: a context of 1,000, one of 100,000", "", "",
                         f"{small * 1000:.2f} ms, {large * 1000:.2f} ms", large / small, "at most 1.5"))  # fmt: skip

    original.server.stop(None)
    ours.stop()

    # Memory while eight write to it and one reads.
    ours = Ours(kfmd, path)
    ids = put_types(ours)
    rate = load(ours.address, SERVICE + "PutExecution", put_execution(ids).SerializeToString(), 4, 8, folder)
    for n in places:
        ours.call("GetArtifacts", s.GetArtifactsRequest(options=options(query=f"properties.rows.int_value = {n}")))
    rows.append((f"peak memory, 8 writers ({rate:.0f}/s), then a reader", "", "", f"{ours.memory('VmHWM'):.0f} MiB", "", "at most 64 MB"))
    ours.stop()
    return rows


def main():
    kfmd = os.path.abspath(sys.argv[1])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    temporary = tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None)
    folder = temporary.name
    writes(kfmd, folder)
    path = f"{folder}/big.db"
    subprocess.run([sys.executable, f"{ROOT}/Benchmarks/make_store.py", path, str(count)], check=True)
    shutil.copy(path, f"{folder}/big-original.db")
    rows = reads(kfmd, path, folder, count)
    print(f"\nstore of {count:,} artifacts; {os.cpu_count()} cores\n")
    print("| what | original in process | original behind gRPC | kfmd over gRPC | ratio | aim |")
    print("|---|---|---|---|---|---|")
    for name, process, served, mine, ratio, aim in rows:
        ratio = f"{ratio:.2f}" if isinstance(ratio, float) else ratio
        print(f"| {name} | {process} | {served} | {mine} | {ratio} | {aim} |")
    temporary.cleanup()


if __name__ == "__main__":
    main()
