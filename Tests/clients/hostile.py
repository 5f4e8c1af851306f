"""What a client or a web page may send at worst: it costs itself, and nobody else notices.

    hostile.py KFMD FOLDER
"""

import concurrent.futures
import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import grpc
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s
from ml_metadata.proto import metadata_store_service_pb2_grpc as service
from server import Server, refused, slow_request

KFMD, FOLDER = sys.argv[1:]
Code = grpc.StatusCode
# That of the manifests, in KiB.
MEMORY = 512 << 10


def put_type(stub, name="T", properties=("p",)):
    kind = m.ArtifactType(name=name, properties={p: m.STRING for p in properties})
    return stub.PutArtifactType(s.PutArtifactTypeRequest(artifact_type=kind)).type_id


def get(server, path, method="GET", body=None, headers=()):
    connection = http.client.HTTPConnection(server.addresses["HTTP"], timeout=60)
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    return response, response.read()


def others_are_served(server, stub):
    assert len(stub.GetArtifactTypes(s.GetArtifactTypesRequest(), timeout=30).artifact_types) > 0
    response, body = get(server, "/healthz")
    assert response.status == 200 and body == b"ok\n", body


def like():
    """A pattern whose search takes hours, eight times at once."""
    server = Server(KFMD, FOLDER, "like")
    stub = service.MetadataStoreServiceStub(server.channel())
    kind = put_type(stub)
    stub.PutArtifacts(s.PutArtifactsRequest(artifacts=[m.Artifact(type_id=kind, uri="a" * 65000) for _ in range(50)]))
    # Each % begins again at each place of the text.
    query = "uri LIKE '%" + "a" * 20000 + "b%" + "a" * 20000 + "c'"
    options = m.ListOperationOptions(max_result_size=10, filter_query=query)

    def ask(_):
        channel = server.channel(("grpc.use_local_subchannel_pool", 1))
        error = refused(
            lambda: service.MetadataStoreServiceStub(channel).GetArtifacts(
                s.GetArtifactsRequest(options=options), timeout=2
            ),
            (Code.DEADLINE_EXCEEDED, Code.CANCELLED, Code.UNAVAILABLE),
        )
        channel.close()
        return error

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, n) for n in range(8)]
        others_are_served(server, stub)
        for one in asked:
            one.result()
    others_are_served(server, stub)
    # Without a deadline it yields to others, and the end comes all the same.
    hanging = stub.GetArtifacts.future(s.GetArtifactsRequest(options=options))
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) in (0, 1), server.log
    assert hanging.exception() is not None


def long_queries():
    """Four clients whose queries run as long as they may."""
    server = Server(KFMD, FOLDER, "joins")
    stub = service.MetadataStoreServiceStub(server.channel())
    kind = put_type(stub)
    request = slow_request(stub, kind)
    calls = []
    for _ in range(4):
        channel = server.channel(("grpc.use_local_subchannel_pool", 1))
        calls.append(service.MetadataStoreServiceStub(channel).GetArtifacts.future(request))
    time.sleep(1)
    assert not any(call.done() for call in calls), "the queries are not slow"
    # They have a minute for themselves; beside others they have to yield.
    others_are_served(server, stub)
    # One made room; the others go on.
    ended = [call.code() for call in calls if call.done()]
    assert ended == [Code.UNAVAILABLE], ended
    for call in calls:
        call.cancel()
    server.stop()


def sizes():
    server = Server(KFMD, FOLDER, "sizes")
    stub = service.MetadataStoreServiceStub(server.channel(("grpc.max_send_message_length", -1)))
    kind = put_type(stub)
    put = lambda **fields: stub.PutArtifacts(s.PutArtifactsRequest(artifacts=[m.Artifact(type_id=kind, **fields)]))
    put(uri="u" * (64 << 10), name="n" * (4 << 10))
    refused(lambda: put(uri="u" * ((64 << 10) + 1)), Code.INVALID_ARGUMENT, "uri", "65537", "65536")
    refused(lambda: put(name="n" * 5000), Code.INVALID_ARGUMENT, "name", "5000")
    refused(lambda: put(external_id="e" * 5000), Code.INVALID_ARGUMENT, "external_id")
    refused(lambda: put(custom_properties={"k" * 5000: m.Value(int_value=1)}), Code.INVALID_ARGUMENT, "property name")
    refused(lambda: put_type(stub, "t" * 5000), Code.INVALID_ARGUMENT, "type's name")
    refused(lambda: put_type(stub, "U", ["k" * 5000]), Code.INVALID_ARGUMENT, "property name")
    put(custom_properties={"long": m.Value(string_value="v" * (15 << 20))})
    refused(
        lambda: put(custom_properties={"long": m.Value(string_value="v" * (16 << 20))}), Code.RESOURCE_EXHAUSTED,
        "--max-message-size",
    )  # fmt: skip
    # One request that would keep all writes waiting; and a small one that asks for as much.
    many = s.PutArtifactsRequest(artifacts=[m.Artifact(type_id=kind)] * 150_000)
    refused(lambda: stub.PutArtifacts(many), Code.RESOURCE_EXHAUSTED, "150000", "Split")
    run = stub.PutContextType(s.PutContextTypeRequest(context_type=m.ContextType(name="Run"))).type_id
    product = s.PutLineageSubgraphRequest(
        artifacts=[m.Artifact(type_id=kind)] * 2000,
        contexts=[m.Context(type_id=run, name=f"c{n}") for n in range(2000)],
    )
    refused(lambda: stub.PutLineageSubgraph(product), Code.RESOURCE_EXHAUSTED, "Split")
    # Two bytes an artifact on the way, hundreds in memory.
    raw = server.channel(("grpc.max_send_message_length", -1)).unary_unary(
        "/ml_metadata.MetadataStoreService/PutArtifacts"
    )
    refused(lambda: raw(b"\x0a\x00" * (7 << 20)), Code.RESOURCE_EXHAUSTED, "fields")
    entry = b"\x32\x02\x0a\x00"
    inner = entry * (3 << 20)
    refused(lambda: raw(b"\x0a" + varint(len(inner)) + inner), Code.RESOURCE_EXHAUSTED, "fields")
    assert server.status("VmHWM") < MEMORY, server.status("VmHWM")
    others_are_served(server, stub)
    server.stop()


def varint(number):
    result = b""
    while number > 0x7F:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


def packed():
    """Messages that unpack to a thousand times as much, eight at once."""
    server = Server(KFMD, FOLDER, "packed")
    stub = service.MetadataStoreServiceStub(server.channel())
    kind = put_type(stub)
    bomb = s.PutArtifactsRequest(
        artifacts=[m.Artifact(type_id=kind, properties={"p": m.Value(string_value="x" * (99 << 20))})]
    )

    def send(_):
        channel = grpc.insecure_channel(
            server.addresses["gRPC"], compression=grpc.Compression.Gzip,
            options=[("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)],
        )  # fmt: skip
        try:
            service.MetadataStoreServiceStub(channel).PutArtifacts(bomb, timeout=60)
            raise AssertionError("was taken")
        except grpc.RpcError as error:
            assert error.code() not in (Code.DEADLINE_EXCEEDED, Code.OK), error
        channel.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    assert server.status("VmHWM") < MEMORY, server.status("VmHWM")
    others_are_served(server, stub)
    server.stop()


def unfinished():
    """Bodies that are not sent to their end: all together they have a budget, and it comes back."""
    server = Server(KFMD, FOLDER, "unfinished", "--max-message-size", "1")
    stub = service.MetadataStoreServiceStub(server.channel())
    put_type(stub)
    host, port = server.addresses["HTTP"].rsplit(":", 1)
    sockets, answers = [], 0
    for _ in range(12):
        connection = socket.create_connection((host, int(port)), timeout=20)
        connection.sendall(
            b"POST /ml_metadata.MetadataStoreService/GetArtifactTypes HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/grpc-web\r\nContent-Length: 1000000\r\n\r\n" + b"\0" * 900_000
        )
        sockets.append(connection)
    # Of 12 times 0.9 MiB four are held; the others are told so.
    for connection in sockets:
        connection.settimeout(3)
        try:
            answer = connection.recv(4096)
            answers += b"grpc-status:14" in answer.replace(b" ", b"") or b"200 OK" in answer
        except TimeoutError:
            pass
    assert answers >= 6, answers
    for connection in sockets:
        connection.close()
    # What is closed gives back what it held.
    until = time.time() + 60
    while True:
        response, body = get(
            server, "/ml_metadata.MetadataStoreService/GetArtifactTypes", "POST", b"\0\0\0\0\0",
            {"Content-Type": "application/grpc-web"},
        )  # fmt: skip
        if b"grpc-status:0" in body.replace(b" ", b""):
            break
        assert time.time() < until, body
        time.sleep(0.2)
    server.stop()


def answers():
    """Pages and lists whose store is large."""
    server = Server(KFMD, FOLDER, "answers", "--max-message-size", "2")
    stub = service.MetadataStoreServiceStub(server.channel())
    kind = put_type(stub)
    value = m.Value(string_value="<&>" * 300_000)
    ids = []
    for _ in range(12):
        ids += stub.PutArtifacts(
            s.PutArtifactsRequest(artifacts=[m.Artifact(type_id=kind, uri="u" * 60_000, properties={"p": value})])
        ).artifact_ids
    run = stub.PutExecutionType(s.PutExecutionTypeRequest(execution_type=m.ExecutionType(name="E"))).type_id
    executions = stub.PutExecutions(s.PutExecutionsRequest(executions=[m.Execution(type_id=run)] * 100)).execution_ids
    for types in ((m.Event.INPUT, m.Event.OUTPUT), (m.Event.DECLARED_INPUT, m.Event.DECLARED_OUTPUT)):
        events = [m.Event(artifact_id=a, execution_id=e, type=t) for a in ids for e in executions for t in types]
        stub.PutEvents(s.PutEventsRequest(events=events))
    for path in ("/", f"/artifacts/{ids[0]}", f"/executions/{executions[0]}"):
        response, page = get(server, path)
        assert response.status == 200 and len(page) < 2_000_000, (path, len(page))
    # All of them are more than one answer takes; by pages they are there.
    refused(lambda: stub.GetArtifacts(s.GetArtifactsRequest()), Code.RESOURCE_EXHAUSTED, "max_result_size")
    response, body = get(server, "/api/v1alpha1/artifacts")
    assert response.status == 500 and b"too large" in body and b"max_result_size" in body, body
    read, path = [], "/api/v1alpha1/artifacts?max_result_size=2"
    while path:
        response, body = get(server, path)
        assert response.status == 200, body
        page = json.loads(body)
        read += [int(a["id"]) for a in page["artifacts"]]
        token = page.get("next_page_token")
        path = token and "/api/v1alpha1/artifacts?max_result_size=2&page_token=" + urllib.parse.quote(token, safe="")
    assert sorted(read) == sorted(ids), read
    assert get(server, "/api/v1alpha1/artifacts?max_result_size=no")[0].status == 500
    options = m.ListOperationOptions(max_result_size=2)
    found = []
    while True:
        page = stub.GetArtifacts(s.GetArtifactsRequest(options=options))
        found += [a.id for a in page.artifacts]
        if not page.next_page_token:
            break
        options.next_page_token = page.next_page_token
    assert sorted(found) == sorted(ids), found
    assert server.status("VmHWM") < MEMORY
    server.stop()


def pages_of_others():
    """What a web page of others can make a browser send."""
    server = Server(KFMD, FOLDER, "pages", "--allowed-hosts", "metadata.example.com")
    body = b'{"name": "x"}'
    create = "/api/v1alpha1/artifact_types"
    plain = {"Content-Type": "application/json"}
    for host in ("evil.example.com", "metadata.example.com.evil.com", "169.254.169.254", "127.evil.com", "127.0.0.1.evil.com", ""):
        response, text = get(server, "/", headers={"Host": host})
        assert response.status == 421 and b"--allowed-hosts" in text, (host, response.status)
    for host in ("localhost:1", "127.0.0.1", "[::1]:8081", "metadata.example.com", "METADATA.example.com:443"):
        response, _ = get(server, "/", headers={"Host": host})
        assert response.status == 200, (host, response.status)
    # A probe asks by the pod's address.
    assert get(server, "/healthz", headers={"Host": "10.0.0.7:8081"})[0].status == 200
    for origin in ("https://evil.example.com", "null", "http://localhost.evil.com"):
        response, text = get(server, create, "POST", body, {**plain, "Origin": origin})
        assert response.status == 403 and b"--cors-origins" in text, (origin, response.status)
        assert "Access-Control-Allow-Origin" not in response.headers
    own = {"Host": "metadata.example.com", "Origin": "https://metadata.example.com"}
    assert get(server, create, "POST", body, {**plain, **own})[0].status in (200, 400)
    # A proxy has changed the Host; the browser says that the page is the same.
    proxied = {"Origin": "https://kubeflow.example.com", "Sec-Fetch-Site": "same-origin"}
    assert get(server, create, "POST", body, {**plain, **proxied})[0].status in (200, 400)
    foreign = {"Origin": "http://localhost:1", "Sec-Fetch-Site": "cross-site"}
    assert get(server, create, "POST", body, {**plain, **foreign, "Host": "localhost:1"})[0].status == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        headers = {"Content-Type": kind} if kind else {}
        assert get(server, create, "POST", body, headers)[0].status == 415, kind
    assert get(server, create, "POST", body, {"Content-Type": "application/json; charset=utf-8"})[0].status in (200, 400)
    for path in ("/", "/healthz", "/api/v1alpha1/artifacts"):
        response, text = get(server, path, "HEAD")
        assert response.status == 200 and text == b"", path
    server.stop(signal.SIGHUP)


def files():
    server = Server(KFMD, FOLDER, "files")
    put_type(service.MetadataStoreServiceStub(server.channel()))
    for suffix in ("", "-wal", "-shm"):
        mode = stat.S_IMODE(os.stat(server.store + suffix).st_mode)
        assert mode == 0o600, (suffix, oct(mode))
    # Whose port is taken says which.
    for port, option in (("gRPC", "--grpc-listen"), ("HTTP", "--http-listen")):
        free = "--http-listen" if option == "--grpc-listen" else "--grpc-listen"
        other = subprocess.run(
            [KFMD, "serve", "--store", f"{FOLDER}/other.db", option, server.addresses[port], free, "127.0.0.1:0"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert other.returncode == 1, other
        last = other.stderr.strip().splitlines()[-1]
        assert option in last and server.addresses[port] in last and "in use" in last, other.stderr
    demo = subprocess.run(
        [KFMD, "demo", "--http-listen", server.addresses["HTTP"], "--store", f"{FOLDER}/demo.db"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert demo.returncode == 1 and server.addresses["HTTP"] in demo.stderr and "in use" in demo.stderr, demo
    server.stop()


def idle():
    """Connections that say nothing: those beyond the limit wait, and take no memory here."""
    server = Server(KFMD, FOLDER, "idle")
    stub = service.MetadataStoreServiceStub(server.channel())
    put_type(stub)
    host, port = server.addresses["HTTP"].rsplit(":", 1)
    connections = []
    for _ in range(400):
        connections.append(socket.create_connection((host, int(port)), timeout=20))
    others_are_served(server, stub)
    for connection in connections:
        connection.close()
    server.stop()


def few_descriptors():
    """Without descriptors nothing spins, and others are served once there are some."""
    command = f"ulimit -n 64; exec '{KFMD}' \"$@\""
    wrapper = f"{FOLDER}/kfmd-few"
    with open(wrapper, "w") as file:
        file.write(f"#!/bin/bash\n{command}\n")
    os.chmod(wrapper, 0o755)
    server = Server(wrapper, FOLDER, "few")
    host, port = server.addresses["HTTP"].rsplit(":", 1)
    connections = [socket.create_connection((host, int(port)), timeout=20) for _ in range(80)]
    time.sleep(1)

    def cpu():
        with open(f"/proc/{server.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = cpu()
    time.sleep(3)
    assert cpu() - before < 1, "a core spins"
    for connection in connections:
        connection.close()
    until = time.time() + 60
    while True:
        try:
            if get(server, "/healthz")[0].status == 200:
                break
        except OSError:
            pass
        assert time.time() < until
        time.sleep(0.2)
    server.stop()


def old_tls():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{FOLDER}/k.pem", "-out",
         f"{FOLDER}/c.pem", "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = Server(KFMD, FOLDER, "old-tls", "--tls-cert", f"{FOLDER}/c.pem", "--tls-key", f"{FOLDER}/k.pem")
    for face in ("gRPC", "HTTP"):
        host, port = server.addresses[face].rsplit(":", 1)
        for newest, isTaken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.set_alpn_protocols(["h2"] if face == "gRPC" else ["http/1.1"])
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
            try:
                with socket.create_connection((host, int(port)), timeout=20) as plain:
                    with context.wrap_socket(plain, server_hostname="localhost") as secure:
                        assert isTaken, (face, secure.version())
            except (ssl.SSLError, ConnectionResetError) as error:
                assert not isTaken, (face, error)
    server.stop()


def main():
    for attack in (
        like, long_queries, sizes, packed, unfinished, answers, pages_of_others, files, idle, few_descriptors, old_tls,
    ):  # fmt: skip
        began = time.time()
        attack()
        print(f"{attack.__name__}: {time.time() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
