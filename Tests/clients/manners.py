"""How the gRPC port behaves as a server: health, message size, deadlines, compression, keepalive, TLS, its end.

    manners.py KFMD FOLDER
"""

import atexit
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import grpc
import server
from server import refused, slow_request
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s
from ml_metadata.proto import metadata_store_service_pb2_grpc as service

KFMD, FOLDER = sys.argv[1:]


class Server(server.Server):
    def __init__(self, name, *options):
        super().__init__(KFMD, FOLDER, name, *options)

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def put_type(stub, name="T"):
    kind = m.ArtifactType(name=name, properties={"p": m.STRING})
    return stub.PutArtifactType(s.PutArtifactTypeRequest(artifact_type=kind)).type_id


def health():
    server = Server("health")
    channel = server.channel()
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    serving = b"\x08\x01"
    assert check(b"") == serving
    name = b"ml_metadata.MetadataStoreService"
    assert check(b"\x0a" + bytes([len(name)]) + name) == serving
    refused(lambda: check(b"\x0a\x04nope"), grpc.StatusCode.NOT_FOUND, "nope")
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
    answers = watch(b"", timeout=30)
    assert next(answers) == serving
    assert next(watch(b"\x0a\x04nope", timeout=30)) == b"\x08\x03"
    # A watch does not hold up the end.
    start = time.time()
    server.stop()
    assert time.time() - start < 10, "the end took too long"
    channel.close()


def messages():
    server = Server("messages", "--max-message-size", "8")
    channel = server.channel(("grpc.max_send_message_length", -1))
    stub = service.MetadataStoreServiceStub(channel)
    kind = put_type(stub)

    def artifact(size):
        artifact = m.Artifact(type_id=kind, properties={"p": m.Value(string_value="x" * size)})
        return s.PutArtifactsRequest(artifacts=[artifact])

    stub.PutArtifacts(artifact(7 << 20))
    for size in (9 << 20, 200 << 20):
        too_long = artifact(size)
        refused(
            lambda: stub.PutArtifacts(too_long), grpc.StatusCode.RESOURCE_EXHAUSTED, str(too_long.ByteSize()),
            str(8 << 20), "--max-message-size",
        )  # fmt: skip
    # The connection is as good as before, and what was refused took no memory.
    assert len(stub.GetArtifacts(s.GetArtifactsRequest()).artifacts) == 1
    peak = server.status("VmHWM")
    assert peak < 200_000, f"{peak} KiB"
    for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        packed = service.MetadataStoreServiceStub(
            grpc.insecure_channel(server.addresses["gRPC"], compression=algorithm)
        )
        ids = packed.PutArtifacts(artifact(100_000)).artifact_ids
        assert len(ids) == 1
    server.stop()


def deadlines():
    server = Server("deadlines")
    stub = service.MetadataStoreServiceStub(server.channel())
    kind = put_type(stub)
    request = slow_request(stub, kind)
    for _ in range(8):
        refused(lambda: stub.GetArtifacts(request, timeout=0.1), grpc.StatusCode.DEADLINE_EXCEEDED)
    time.sleep(1)
    before = server.cpu()
    time.sleep(1)
    used = server.cpu() - before
    assert used < 0.5, f"{used} s of CPU in a second: queries go on after their deadline"
    # Cancelled by the client.
    calls = [stub.GetArtifacts.future(request) for _ in range(8)]
    time.sleep(0.2)
    for call in calls:
        call.cancel()
    time.sleep(1)
    before = server.cpu()
    time.sleep(1)
    assert server.cpu() - before < 0.5, "queries go on after they are cancelled"
    # The readers are free again.
    assert len(stub.GetArtifactTypes(s.GetArtifactTypesRequest(), timeout=5).artifact_types) >= 1
    server.stop()


def ending():
    """What the server took before SIGTERM is finished."""
    server = Server("ending")
    channel = server.channel()
    stub = service.MetadataStoreServiceStub(channel)
    kind = put_type(stub)
    artifacts = [m.Artifact(type_id=kind, properties={"p": m.Value(string_value="x" * 100)}) for _ in range(20000)]
    request = s.PutArtifactsRequest(artifacts=artifacts)
    stub.GetArtifactTypes(s.GetArtifactTypesRequest())
    calls = [stub.PutArtifacts.future(request) for _ in range(3)]
    time.sleep(1)
    server.process.send_signal(signal.SIGTERM)
    stored = 0
    for call in calls:
        try:
            stored += len(call.result().artifact_ids)
        except grpc.RpcError as error:
            # A call that had not arrived may be refused, but is told so.
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    assert stored >= 20000, stored
    assert server.process.wait(60) == 0, server.log
    again = Server("ending")
    found = service.MetadataStoreServiceStub(again.channel()).GetArtifacts(s.GetArtifactsRequest()).artifacts
    assert len(found) == stored, (len(found), stored)
    again.stop()


def keepalive():
    """A client that asks often, without calls, as many are set up to."""
    server = Server("keepalive")
    channel = server.channel(
        ("grpc.keepalive_time_ms", 10_100), ("grpc.keepalive_timeout_ms", 2_000),
        ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0),
    )  # fmt: skip
    states = []
    channel.subscribe(states.append, try_to_connect=True)
    stub = service.MetadataStoreServiceStub(channel)
    stub.GetArtifactTypes(s.GetArtifactTypesRequest())
    time.sleep(42)
    stub.GetArtifactTypes(s.GetArtifactTypesRequest())
    lost = [state for state in states[states.index(grpc.ChannelConnectivity.READY) :] if state != grpc.ChannelConnectivity.READY]
    assert not lost, f"the server gave the connection up: {lost}"
    server.stop()


def certificate(name, signer=None, days=30):
    """A key and a certificate for localhost, signed by another or by itself."""
    path = f"{FOLDER}/{name}"
    run = lambda *command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    common = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{path}.key"]
    if signer is None:
        run("openssl", "req", "-x509", *common, "-out", f"{path}.pem", "-subj", f"/CN={name}", "-days", str(days))
        return path
    run("openssl", "req", *common, "-out", f"{path}.csr", "-subj", f"/CN={name}")
    with open(f"{path}.ext", "w") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("openssl", "x509", "-req", "-in", f"{path}.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key",
        "-CAcreateserial", "-out", f"{path}.pem", "-days", str(days), "-extfile", f"{path}.ext")  # fmt: skip
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def tls():
    root, other = certificate("root"), certificate("other")
    certificate("server", root)
    certificate("client", root)
    certificate("stranger", other)
    pem = lambda name: f"{FOLDER}/{name}.pem"
    key = lambda name: f"{FOLDER}/{name}.key"

    def stub(server, roots=pem("root"), client=None):
        credentials = grpc.ssl_channel_credentials(
            read(roots), read(key(client)) if client else None, read(pem(client)) if client else None
        )
        port = server.addresses["gRPC"].rsplit(":", 1)[1]
        return service.MetadataStoreServiceStub(grpc.secure_channel(f"localhost:{port}", credentials))

    ask = lambda stub: stub.GetArtifactTypes(s.GetArtifactTypesRequest(), timeout=10)

    os.makedirs(f"{FOLDER}/first-data")
    os.symlink(f"{FOLDER}/first-data", f"{FOLDER}/data")
    for name in ("server.pem", "server.key"):
        os.rename(f"{FOLDER}/{name}", f"{FOLDER}/first-data/{name}")
        os.symlink(f"{FOLDER}/data/{name}", f"{FOLDER}/{name}")
    server = Server("tls", "--tls-cert", pem("server"), "--tls-key", key("server"))
    assert len(ask(stub(server)).artifact_types) == 3
    refused(lambda: ask(stub(server, pem("other"))), grpc.StatusCode.UNAVAILABLE)
    refused(lambda: ask(service.MetadataStoreServiceStub(server.channel())), grpc.StatusCode.UNAVAILABLE)
    page = f"https://localhost:{server.addresses['HTTP'].rsplit(':', 1)[1]}/healthz"
    assert urllib.request.urlopen(page, context=ssl.create_default_context(cafile=pem("root"))).read() == b"ok\n"
    # A certificate that is renewed is used without a restart; a Secret's files are links to links.
    certificate("newroot")
    certificate("renewed", f"{FOLDER}/newroot")
    os.symlink(f"{FOLDER}/renewed-data", f"{FOLDER}/next")
    os.makedirs(f"{FOLDER}/renewed-data")
    for name in ("server.pem", "server.key"):
        os.rename(f"{FOLDER}/{name.replace('server', 'renewed')}", f"{FOLDER}/renewed-data/{name}")
    os.replace(f"{FOLDER}/next", f"{FOLDER}/data")
    time.sleep(1.5)
    assert len(ask(stub(server, pem("newroot"))).artifact_types) == 3
    context = ssl.create_default_context(cafile=pem("newroot"))
    assert urllib.request.urlopen(page, context=context).read() == b"ok\n"
    server.stop()

    for name in ("server.pem", "server.key"):
        os.unlink(f"{FOLDER}/{name}")
    certificate("server", root)
    server = Server("mtls", "--tls-cert", pem("server"), "--tls-key", key("server"), "--tls-client-ca", pem("root"))
    assert len(ask(stub(server, client="client")).artifact_types) == 3
    refused(lambda: ask(stub(server)), grpc.StatusCode.UNAVAILABLE)
    refused(lambda: ask(stub(server, client="stranger")), grpc.StatusCode.UNAVAILABLE)
    # Our own client: import speaks to a service.
    empty = f"{FOLDER}/empty.json"
    with open(empty, "w") as file:
        file.write('{"apiVersion": "v1", "kind": "List", "items": []}')
    address = f"localhost:{server.addresses['gRPC'].rsplit(':', 1)[1]}"
    command = [KFMD, "lineage", "--metadata", address, "--metadata-ca", pem("root")]
    with_client = subprocess.run(
        [*command, "--metadata-cert", pem("client"), "--metadata-key", key("client"), "none://x"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "none://x" in with_client.stderr and "reached" not in with_client.stderr, with_client.stderr
    without = subprocess.run([*command, "none://x"], capture_output=True, text=True)
    assert without.returncode != 0 and "cannot be reached" in without.stderr, without.stderr
    server.stop()

    # Files that do not do are named.
    for options, words in (
        (["--tls-cert", pem("server")], ["--tls-key"]),
        (["--tls-client-ca", pem("root")], ["--tls-cert"]),
        (["--tls-cert", f"{FOLDER}/none.pem", "--tls-key", key("server")], ["none.pem"]),
        (["--tls-cert", pem("server"), "--tls-key", empty], ["empty.json"]),
        (["--tls-cert", pem("server"), "--tls-key", key("client")], ["client.key", "server.pem"]),
        (["--tls-cert", pem("server"), "--tls-key", key("server"), "--tls-client-ca", empty], ["empty.json"]),
    ):
        ended = subprocess.run([KFMD, "serve", "--store", f"{FOLDER}/x.db", *options], capture_output=True, text=True, timeout=20)
        assert ended.returncode != 0 and all(word in ended.stderr for word in words), (options, ended.stderr)


def main():
    slow = threading.Thread(target=guarded, args=(keepalive,))
    slow.start()
    for part in (health, messages, deadlines, ending, tls):
        guarded(part)
    slow.join()
    if failures:
        sys.exit("\n".join(failures))
    print("all parts passed")


failures = []


def guarded(part):
    import traceback

    try:
        part()
    except Exception:
        failures.append(f"{part.__name__}: {traceback.format_exc()}")


if __name__ == "__main__":
    main()
