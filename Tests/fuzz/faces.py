"""Throws at every face of a server what no client would send: bytes, requests, frames and messages.

    faces.py KFMD SECONDS [SEED]

Each face has a thread with dice of its own, made from the seed. The server must stay up and small, answer
what is well-formed, refuse the rest with the documented statuses, and keep its file whole.
"""

import base64
import collections
import copy
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s

SERVICE = s.DESCRIPTOR.services_by_name["MetadataStoreService"]
METHODS = {method.name: GetMessageClass(method.input_type) for method in SERVICE.methods}
PREFIX = "/api/v1alpha1"
MEMORY = 500_000

TEXTS = ["", "a", "A", "T", "T/x", "kubeflow.org/alpha/model", "n\x00n", "\x00", "'; DROP TABLE Artifact; --", "' OR '1'='1", '"',
         "`", "\\", "%", "_", "%s%n", "../..", "ünï", "名前", "🙂", "\u202e", "x" * 300, "x" * 20000, "1", "-1", "null",
         "id = 1", "name = 'a'", "contexts_a.id = 1", "CAEQAQ==", "artifact_types/T", "a:b", "//", "\r\n", "<script>"]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 20, 21, 100, -1, -2, 2**31 - 1, -(2**31), 2**53, 2**63 - 1, -(2**63)]
DOUBLES = [0.0, -0.0, 0.5, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")]


class Server:
    def __init__(self, program, store):
        self.program, self.store = program, store
        self.start()

    def start(self):
        command = [self.program, "serve", "--store", self.store, "--predefined-types", "none"]
        command += ["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace")
        self.log, self.addresses = collections.deque(maxlen=60), {}
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"address=(\S+).*(gRPC|HTTP) listens", line)
            if found:
                self.addresses[found[2]] = found[1]
            if len(self.addresses) == 2:
                break
        else:
            sys.exit("kfmd ended: " + "".join(self.log))
        threading.Thread(target=self.log.extend, args=(self.process.stderr,), daemon=True).start()
        self.channel = grpc.insecure_channel(self.addresses["gRPC"], options=[("grpc.max_receive_message_length", -1)])

    def is_up(self):
        return self.process.poll() is None

    def connect(self, face, timeout=10):
        host, port = self.addresses[face].rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout)

    def peak(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as file:
                return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])
        except (OSError, TypeError):
            return 0


class Wrong(Exception):
    """What a face did wrong."""


# Bytes.


def mutate(dice, data):
    data = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 5, 20])):
        at, roll = dice.randrange(len(data) + 1), dice.randrange(6)
        if roll == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif roll == 1:
            data[at:at] = dice.randbytes(dice.randrange(1, 9))
        elif roll == 2:
            del data[at : at + dice.randrange(1, 9)]
        elif roll == 3:
            del data[at:]
        elif roll == 4 and at < len(data):
            data[at] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, 10, 13, 32])
        elif roll == 5:
            start = dice.randrange(len(data) + 1)
            data[at:at] = data[start : start + 40]
    return bytes(data)


def exchange(server, face, data, wait):
    """Sends bytes, and takes what comes until the server closes or nothing comes."""
    result = b""
    with server.connect(face) as connection:
        connection.settimeout(wait)
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                result += chunk
        except OSError:
            pass
    return result


# HTTP.


def target(dice):
    """A path, percent-encoded in many ways, and now and then a query."""
    name = dice.choice(TEXTS) or "T"
    ident = dice.choice([*map(str, NUMBERS), "9" * 30, "1abc", "x", "", "+1", "١"])
    kind = dice.choice(["artifact", "execution"])
    path = dice.choice([
        f"{PREFIX}/{kind}_types", f"{PREFIX}/{kind}_types/{name}", f"{PREFIX}/{kind}_types/{name}/{kind}s",
        f"{PREFIX}/{kind}_types/{name}/{kind}s/{ident}", f"{PREFIX}/{kind}s", f"{PREFIX}/events", f"{PREFIX}/events/{kind}s/{ident}",
        f"{PREFIX}/{name}", f"{PREFIX}//{kind}s", f"{PREFIX}/", PREFIX, f"/{name}", "//", "/..", f"{PREFIX}/../{kind}s", "/",
        f"/{kind}s/{ident}", "/healthz", "/readyz", f"/ml_metadata.MetadataStoreService/{dice.choice(list(METHODS))}",
        f"{PREFIX}/{kind}_types/" + "a/" * dice.choice([10, 1000, 3500]), f"{PREFIX}/{kind}_types/" + "x" * dice.choice([1000, 7000]),
    ])  # fmt: skip
    safe = dice.choice(["/", "/:", "", "/.:@!$&'()*+,;=~-_%"])
    prefix = PREFIX if path.startswith(PREFIX) and dice.random() < 0.9 else ""
    path = prefix + "".join(
        c if c in safe or c.isascii() and c.isalnum() else urllib.parse.quote(c, safe="") for c in path[len(prefix) :]
    )
    if dice.random() < 0.15:
        at = dice.randrange(len(path) + 1)
        path = path[:at] + dice.choice(["%00", "%2f", "%2F", "%", "%zz", "%ff", "%c3%28", "%25", "//", "/./", "/../", "%0d%0a"]) + path[at:]
    if dice.random() < 0.2:
        query = dice.choice(["name=T", "name=artifact_types%2FT", "name=", "name", "page=x", "page=CAEQAQ%3D%3D", "name=%zz", "&&==&", "name=%00"])
        path += "?" + dice.choice([query, f"{query}&{query}", urllib.parse.quote(name)])
    return path if path.startswith("/") else "/" + path


BODIES = [
    {"name": "T", "properties": {"p": "STRING", "i": "INT", "d": "DOUBLE"}}, {"uri": "u", "properties": {"p": {"string_value": "x"}}},
    {"custom_properties": {"c": {"int_value": "1"}, "d": {"double_value": 0.5}}}, {"last_known_state": "RUNNING"},
    {"artifact_id": "1", "execution_id": "1", "type": "INPUT"}, {"name": "E", "input_type": {"any": {}}}, {},
    {"artifact_id": 1, "execution_id": 2, "path": {"steps": [{"key": "k"}, {"index": 3}]}, "type": 4, "milliseconds_since_epoch": "5"},
    {"name": "N", "output_type": {"dict": {"properties": {"x": {"none": {}}}, "none_type_not_required": True}}},
]  # fmt: skip
VALUES = [None, True, -1, 0.5, 1e308, 2**63, 10**400, "", "x", "\x00", "1", "NaN", [], {}, [[]], [1, "x"], {"a": {}}, "INT", "é"]


def body(dice):
    value = copy.deepcopy(dice.choice(BODIES))
    for _ in range(dice.choice([0, 0, 1, 3])):
        inner = value
        while isinstance(inner, dict) and inner and dice.random() < 0.6:
            key = dice.choice(list(inner))
            if not isinstance(inner[key], dict) or dice.random() < 0.4:
                inner[key] = copy.deepcopy(dice.choice(VALUES))
                break
            inner = inner[key]
        if isinstance(inner, dict):
            inner[dice.choice([*TEXTS, "id", "name", "properties", "type_id"])] = copy.deepcopy(dice.choice([*VALUES, dice.choice(BODIES)]))
    text = json.dumps(value, ensure_ascii=dice.random() < 0.5)
    roll, depth = dice.random(), dice.choice([10, 90, 101, 255, 257, 5000, 100_000])
    if roll < 0.1:
        opening, closing = dice.choice([("[", "]"), ('{"a":', "}"), ('{"properties":', "}"), ('{"input_type":{"union":{"candidates":[', "]}}}")])
        text = opening * depth + "1" + dice.choice([closing, ""]) * depth
    elif roll < 0.15:
        text = '{"name":"T","name":"A","properties":{"p":"INT","p":"STRING"},"id":' + "9" * dice.choice([19, 40, 5000]) + "}"
    elif roll < 0.2:
        text = text.replace("1", dice.choice(["1e400", "-0", "01", "1.5", "0x1", "1e18", "-9223372036854775809"]))
    elif roll < 0.25:
        text = dice.choice(["", " ", "null", "[]", "1", '"x"', '"\\ud800"', '{"name":"\\ud800"}', '{"name":"\\u0000"}', "\ufeff{}", "{}{}", "{,}"])
    data = text.encode("utf-8", "surrogatepass")
    return mutate(dice, data) if dice.random() < 0.25 else data


def request(dice, path, content):
    """The verb, and the bytes of a request that is well-formed."""
    # A verb that HTTP does not have is refused by the parser, before there is a path.
    verb = dice.choice(["GET", "GET", "POST", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE"])
    headers = [("Host", "x"), ("Connection", "close")]
    if dice.random() < 0.7:
        headers.append(("Content-Type", dice.choice(["application/json", "application/x-www-form-urlencoded", "", "x", "application/grpc-web"])))
    for _ in range(dice.choice([0, 0, 1, 3])):
        headers.append(dice.choice([
            ("X-HTTP-Method-Override", dice.choice(["GET", "DELETE", "patch", "x y", ""])), ("Accept", "*/*"), ("Accept-Encoding", "gzip"),
            ("Authorization", "x" * dice.choice([10, 6000])), ("Origin", "null"), ("Cookie", "\xe9\xff"), ("X-" + "a" * 200, ""),
            ("grpc-timeout", dice.choice(["1S", "x", "99999999H", "-1S"])), ("If-None-Match", "*"), ("Range", "bytes=5-1"),
            ("Content-Encoding", "gzip"), ("Forwarded", "for=x"), ("TE", "trailers"),
        ]))  # fmt: skip
    sends = bool(content) and verb in ("POST", "PATCH", "PUT", "DELETE")
    payload = b""
    if sends and dice.random() < 0.2:
        headers.append(("Transfer-Encoding", "chunked"))
        size = dice.choice([1, 7, 5000]) if len(content) < 10000 else 5000
        pieces = [content[i : i + size] for i in range(0, len(content), size)] + [b""]
        payload = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    elif sends:
        headers.append(("Content-Length", str(len(content))))
        payload = content
    dice.shuffle(headers)
    lines = [f"{verb} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return verb, "\r\n".join(lines).encode("latin-1") + payload


def answer(server, verb, data):
    """The answer to a well-formed request, which must come in 10 seconds."""
    connection = server.connect("HTTP")
    response = http.client.HTTPResponse(connection, method=verb)
    try:
        try:
            connection.settimeout(5)
            connection.sendall(data)
        except OSError:
            # It may answer before it has read everything.
            pass
        response.begin()
        return response, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Wrong(f"no HTTP answer: {type(error).__name__}") from error
    finally:
        response.close()
        connection.close()


def check_rest(verb, path, response, content):
    """The documented forms of REST's answers."""
    status, kind = response.status, response.headers.get("Content-Type", "")
    if status not in (200, 400, 404, 405, 413, 500):
        raise Wrong(f"REST answers {status}")
    if verb == "HEAD":
        return
    plain = {400: b"Bad Request\n", 404: b"Not Found\n", 405: b"Method Not Allowed\n"}
    if kind.startswith("text/plain") and content == plain.get(status):
        return
    if status in (404, 405) or not kind.startswith("application/json"):
        raise Wrong(f"REST answers {verb if verb == 'TRACE' else ''} {status} {kind} {content[:60]!r}")
    try:
        value = json.loads(content)
    except ValueError as error:
        raise Wrong(f"REST answers {status} with no JSON: {content[:200]!r}") from error
    if status == 200:
        return
    if {"error", "message", "code"} != set(value) or value["error"] != value["message"]:
        raise Wrong(f"REST refuses in another form: {content[:200]!r}")
    if value["code"] != {400: 3, 413: 8, 500: 2}[status]:
        raise Wrong(f"REST answers {status} with code {value['code']}")
    if "SQLite" in value["message"] or "SELECT" in value["message"]:
        raise Wrong(f"REST shows the engine: {value['message'][:100]}")


def rest(dice, server):
    path = target(dice)
    verb, data = request(dice, path, body(dice))
    yield "REST and pages", data
    response, content = answer(server, verb, data)
    decoded = path.startswith(PREFIX + "/")
    if decoded:
        check_rest(verb, path, response, content)
    elif response.status >= 500 or response.status < 200:
        raise Wrong(f"{path.split('/')[1][:20]} answers {response.status}")


def raw_http(dice, server):
    if dice.random() < 0.3:
        data = dice.randbytes(dice.choice([1, 10, 100, 5000]))
    else:
        verb, data = request(dice, target(dice), body(dice))
        head = data.partition(b"\r\n\r\n")[0]
        extra = dice.choice([b"X: " + b"y" * 100_000, b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: x",
                             b"Content-Length: 5\r\nContent-Length: 6", b"Expect: 100-continue", b"A" * 9000, b"\x00: \x00", b" x", b"X:\r\n y"])
        data = dice.choice([mutate(dice, data), data[: dice.randrange(len(data))], data.replace(head, head + b"\r\n" + extra, 1),
                            b"\r\n" * 50 + data, data * 3, data.replace(b"HTTP/1.1", dice.choice([b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b""]))])  # fmt: skip
    yield "raw HTTP", data
    got = exchange(server, "HTTP", data, 0.2)
    if got and not got.startswith(b"HTTP/1."):
        raise Wrong(f"answers no HTTP: {got[:60]!r}")


# gRPC-Web.


def web(dice, server):
    method = dice.choice([*METHODS, "Nope"])
    message = protobuf(dice, method)
    length = dice.choice([len(message)] * 6 + [len(message) + 1, 0, 2**32 - 1, 2**31, max(0, len(message) - 1)])
    content = struct.pack(">BI", dice.choice([0] * 8 + [1, 2, 0x80, 0x81, 0xFF]), length) + message
    content += dice.choice([b"", b"", b"", content, struct.pack(">BI", 0x80, 4) + b"a: b", b"\x80", b"\x00"])
    kind = dice.choice(["application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text", "application/grpc-web-text+proto"])
    if "text" in kind:
        content = base64.b64encode(content)
        if dice.random() < 0.5:
            content = dice.choice([mutate(dice, content), content.rstrip(b"="), b"====" + content, content + b"=", b"A", content.replace(b"A", b"-")])
    elif dice.random() < 0.3:
        content = mutate(dice, content)
    lines = [f"POST /ml_metadata.MetadataStoreService/{method} HTTP/1.1", "Host: x", "Connection: close", f"Content-Type: {kind}"]
    if dice.random() < 0.1:
        lines.append("grpc-timeout: " + dice.choice(["10S", "1n", "0S", "x", "", "999999999S", "-1S", "1" * 500 + "S"]))
    lines += [f"Content-Length: {len(content)}", "", ""]
    data = "\r\n".join(lines).encode() + content
    yield "gRPC-Web", data
    response, content = answer(server, "POST", data)
    if response.status != 200:
        raise Wrong(f"gRPC-Web answers HTTP {response.status}")
    try:
        content = base64.b64decode(content, validate=True) if "text" in kind else content
        while content[0] == 0:
            content = content[5 + int.from_bytes(content[1:5], "big") :]
        trailers = content[5:].decode("ascii")
        status = int(re.search(r"grpc-status: (\d+)\r\n", trailers)[1])
    except (ValueError, IndexError, TypeError) as error:
        raise Wrong(f"gRPC-Web answers no frames: {content[:100]!r}") from error
    if content[0] != 0x80 or len(content) != 5 + int.from_bytes(content[1:5], "big"):
        raise Wrong(f"gRPC-Web ends with no trailers: {content[:100]!r}")
    check_status(f"gRPC-Web {method}", grpc_name(status), trailers)


# gRPC.


def grpc_name(number):
    return next(code.name for code in grpc.StatusCode if code.value[0] == number)


# Statuses that are right although they look wrong: method, status, words of the message, why.
EXCEPTIONS = []


statuses = collections.Counter()


def check_status(what, name, message):
    statuses[name] += 1
    # A message that is too long for a header is refused by the client in place of the status itself.
    is_lost = name == "RESOURCE_EXHAUSTED" and "metadata size exceeds" in message
    if name not in ("UNKNOWN", "INTERNAL", "UNAVAILABLE", "DATA_LOSS") and not is_lost:
        return
    for part, status, words in EXCEPTIONS:
        if part in what and status == name and words in message:
            return
    raise Wrong(f"{what} answers {name} {message[:300]!r}")


def fill(dice, message, depth=0):
    """Sets some fields of a message."""
    for field in message.DESCRIPTOR.fields:
        name, kind = field.name, field.cpp_type
        if dice.random() < (0.25 if depth > 1 else 0.45) or depth > 6:
            continue

        def value():
            if kind == FieldDescriptor.CPPTYPE_STRING:
                text = dice.choice(TEXTS)
                return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
            if kind == FieldDescriptor.CPPTYPE_ENUM:
                return dice.choice([v.number for v in field.enum_type.values])
            if kind == FieldDescriptor.CPPTYPE_BOOL:
                return dice.random() < 0.5
            if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
                return dice.choice(DOUBLES)
            number = dice.choice(NUMBERS if dice.random() < 0.4 else NUMBERS[1:12])
            low, high = {
                FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1), FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
                FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
            }.get(kind, (-(2**63), 2**63 - 1))  # fmt: skip
            return min(max(number, low), high)

        if field.message_type and field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name["value"]
            target_map = getattr(message, name)
            for _ in range(dice.choice([1, 1, 3])):
                key = dice.choice([*TEXTS, "p", "i", "p"])
                if entry.message_type:
                    fill(dice, target_map[key], depth + 1)
                elif entry.enum_type:
                    target_map[key] = dice.choice([0, 1, 2, 3, 4, 5, 6])
        elif field.label == FieldDescriptor.LABEL_REPEATED:
            for _ in range(dice.choice([0, 1, 1, 2, 4])):
                if field.message_type:
                    fill(dice, getattr(message, name).add(), depth + 1)
                else:
                    getattr(message, name).append(value())
        elif field.message_type:
            getattr(message, name).SetInParent()
            fill(dice, getattr(message, name), depth + 1)
        else:
            setattr(message, name, value())


def varint(number):
    result = b""
    while number > 127:
        result, number = result + bytes([number & 127 | 128]), number >> 7
    return result + bytes([number])


def nested(levels, tags):
    """A message in a message, again and again; the tags are those of one level, from outside."""
    result, size = [], 0
    for _ in range(levels):
        for tag in reversed(tags):
            head = bytes([tag << 3 | 2]) + varint(size)
            result.append(head)
            size += len(head)
    return b"".join(reversed(result))


def unknown_field(dice):
    number, wire = dice.choice([1, 2, 3, 15, 16, 100, 19000, 2**29 - 1, 0]), dice.randrange(8)
    content = {0: varint(dice.randrange(2**64)), 1: b"8" * 8, 2: varint(3) + b"abc", 5: b"4444"}.get(wire, b"")
    return varint(number << 3 | wire) + content


def protobuf(dice, method):
    """A request's bytes."""
    cls = METHODS.get(method, s.GetArtifactsRequest)
    message = cls()
    fill(dice, message)
    data, roll = message.SerializeToString(), dice.random()
    if roll < 0.1:
        data = mutate(dice, data)
    elif roll < 0.15:
        data = dice.randbytes(dice.choice([1, 5, 50, 1000]))
    elif roll < 0.25:
        data += unknown_field(dice)
    elif roll < 0.3:
        # Value.struct_value is field 4, Struct.fields 1, their value 2, its struct 5; a list is 6 and 1.
        deep = nested(dice.choice([20, 30, 49, 60, 200, 3000]), dice.choice([[5, 1, 2], [6, 1]]))
        value = b"\x22" + varint(len(deep) + 4) + b"\x0a" + varint(len(deep) + 2) + b"\x12" + varint(len(deep)) + deep
        entry = b"\x0a\x01p\x12" + varint(len(value)) + value
        artifact = b"\x10\x0a" + b"\x2a" + varint(len(entry)) + entry
        data = b"\x0a" + varint(len(artifact)) + artifact
    elif roll < 0.33:
        data = nested(dice.choice([50, 99, 101, 1000, 20000]), dice.choice([[1], [2], [1, 6], [4], [3, 1]]))
    return data


def calls(dice, server):
    method = dice.choice([*METHODS, *METHODS, *METHODS, *METHODS, "Nope", ""])
    data = protobuf(dice, method)
    yield "gRPC calls", (method, data)
    try:
        found = server.channel.unary_unary(f"/ml_metadata.MetadataStoreService/{method}")(data, timeout=20)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise Wrong(f"{method} takes longer than 20 s") from error
        check_status(method, error.code().name, error.details() or "")
        return
    check_status(method, "OK", "")
    if method in METHODS:
        getattr(s, f"{method}Response").FromString(found)


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream & 2**32 - 1) + payload


def header(name, value):
    """A literal of HPACK, not indexed."""
    length = lambda text: bytes([len(text)]) if len(text) < 127 else b"\x7f" + varint(len(text) - 127)
    return b"\x00" + length(name) + name + length(value) + value


def raw_grpc(dice, server):
    """HTTP/2 that goes wrong somewhere."""
    message = protobuf(dice, "GetArtifacts")
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/ml_metadata.MetadataStoreService/GetArtifacts"),
              (b":authority", b"x"), (b"content-type", b"application/grpc"), (b"te", b"trailers")]  # fmt: skip
    if dice.random() < 0.3:
        fields += dice.choice([[(b"grpc-timeout", b"x")], [(b"x-" + b"y" * 20000, b"")], [(b"UPPER", b"x")], [(b":path", b"/")], [(b"a", b"\x00\r\n")] * 50])
    if dice.random() < 0.2:
        del fields[dice.randrange(len(fields))]
    if dice.random() < 0.1:
        dice.shuffle(fields)
    block = b"".join(header(*field) for field in fields)
    stream = dice.choice([1, 1, 1, 2, 0, 3, 2**31 - 1])
    content = struct.pack(">BI", dice.choice([0, 0, 1, 255]), dice.choice([len(message), 2**32 - 1, 0])) + message[:16000]
    frames = [frame(4, 0, 0, b""), frame(1, 4, stream, block[:16384]), frame(0, 1, stream, content)]
    for _ in range(dice.choice([0, 0, 1, 5])):
        frames.insert(dice.randrange(len(frames) + 1), frame(
            dice.randrange(12), dice.choice([0, 1, 4, 5, 8, 0x20, 255]), dice.choice([0, 1, 3, 2**31]),
            dice.choice([b"", b"\0" * 4, b"\0" * 5, b"\0" * 8, dice.randbytes(dice.randrange(64)), b"\x00\x04\xff\xff\xff\xff", block])))  # fmt: skip
    # Resets of streams just opened, many at a time; headers that never end.
    if dice.random() < 0.05:
        frames += [frame(1, 4, n, block[:16384]) + frame(3, 0, n, b"\0\0\0\x08") for n in range(3, 803, 2)]
    if dice.random() < 0.05:
        frames += [frame(1, 0, 5, block[:16384])] + [frame(9, 0, 5, header(b"x", b"y" * 1000))] * dice.choice([5, 200])
    data = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(frames)
    roll = dice.random()
    if roll < 0.1:
        data = dice.randbytes(dice.choice([1, 24, 100, 5000]))
    elif roll < 0.4:
        data = mutate(dice, data)
    yield "raw HTTP/2", data
    exchange(server, "gRPC", data, 0.3)


# The run.


class Run:
    def __init__(self, program, folder, seed):
        self.seed, self.store = seed, f"{folder}/fuzz.db"
        self.server = Server(program, self.store)
        self.sent, self.findings = collections.Counter(), collections.Counter()
        self.last, self.lock, self.peak = {}, threading.Lock(), 0

    def finding(self, signature, text):
        with self.lock:
            self.findings[signature] += 1
            if self.findings[signature] == 1:
                print(f"{text} (seed {self.seed})", flush=True)

    def face(self, name, end, *inputs):
        # A string as a seed gives the same dice each time.
        dice = random.Random(f"{self.seed} {name}")
        while time.time() < end and len(self.deaths()) < 5:
            server = self.server
            steps = dice.choice(inputs)(dice, server)
            label, data = next(steps)
            self.last[name] = data
            with self.lock:
                self.sent[label] += 1
            try:
                for _ in steps:
                    pass
            except (Wrong, OSError, grpc.RpcError) as error:
                # What fails because the server is gone is told once.
                time.sleep(0.2)
                if server.is_up() and server is self.server:
                    self.finding(re.sub(r"b?['\"].*|\d{4,}", "", f"{label} {error}")[:110], f"{label}: {error}\n  input {shown(data)}")
            except Exception as error:
                # An answer that cannot be read, such as bytes that are no message.
                self.finding(f"{label} {error!r}"[:80], f"{label}: {error!r}\n  input {shown(data)}")

    def deaths(self):
        return [signature for signature in list(self.findings) if signature.startswith("died")]

    def watch(self, end):
        """Until the end; a server that died starts again, so that the rest is tried too."""
        while time.time() < end:
            time.sleep(0.2)
            self.peak = max(self.peak, self.server.peak())
            if self.server.is_up():
                continue
            time.sleep(0.5)
            log = "".join(self.server.log)[-3000:]
            inputs = "\n".join(f"  last of {name}: {shown(data)}" for name, data in self.last.items())
            self.finding(f"died {len(self.deaths())}", f"kfmd died with {self.server.process.returncode}:\n{inputs}\n{log}")
            if len(self.deaths()) == 5:
                return
            self.server.start()

    def ending(self):
        """A normal write and read, an end in good order, and a whole file."""
        channel = self.server.channel

        def call(method, message):
            ask = channel.unary_unary(f"/ml_metadata.MetadataStoreService/{method}", type(message).SerializeToString,
                                      getattr(s, f"{method}Response").FromString)  # fmt: skip
            return ask(message, timeout=20)

        name = f"after {self.seed}"
        kind = call("PutArtifactType", s.PutArtifactTypeRequest(artifact_type=m.ArtifactType(name=name, properties={"p": m.INT}))).type_id
        artifact = m.Artifact(type_id=kind, name=name, uri="u", properties={"p": m.Value(int_value=7)})
        ident = call("PutArtifacts", s.PutArtifactsRequest(artifacts=[artifact])).artifact_ids[0]
        found = call("GetArtifactsByID", s.GetArtifactsByIDRequest(artifact_ids=[ident])).artifacts[0]
        assert (found.name, found.uri, found.properties["p"].int_value) == (name, "u", 7), found
        # Whatever was stored can be read.
        for method in ("GetArtifacts", "GetExecutions", "GetContexts", "GetArtifactTypes", "GetExecutionTypes", "GetContextTypes"):
            call(method, getattr(s, f"{method}Request")())
        channel.close()
        # Half a request on each port does not hold up the end; Kubernetes waits 30 seconds.
        halves = [self.server.connect("HTTP"), self.server.connect("gRPC")]
        halves[0].sendall(b"POST /api/v1alpha1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        halves[1].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        time.sleep(0.2)
        self.server.process.send_signal(signal.SIGTERM)
        try:
            code = self.server.process.wait(30)
        except subprocess.TimeoutExpired:
            self.finding("end", "half a request on an open connection holds up the end for more than 30 s")
            for half in halves:
                half.close()
            code = self.server.process.wait(30)
        assert code == 0, f"ended with {code}: " + "".join(self.server.log)
        check = sqlite3.connect(self.store).execute("PRAGMA integrity_check").fetchone()[0]
        assert check == "ok", check


def shown(data):
    text = repr(data)
    return text if len(text) < 1500 else f"{text[:1000]} ... {text[-200:]} ({len(text)})"


def main(program, seconds, seed):
    with tempfile.TemporaryDirectory() as folder:
        run, end = Run(program, folder, seed), time.time() + seconds
        try:
            faces = {"http": (rest, rest, rest, raw_http), "web": (web,), "grpc": (calls,), "http2": (raw_grpc,)}
            threads = [threading.Thread(target=run.face, args=(name, end, *inputs)) for name, inputs in faces.items()]
            for thread in threads:
                thread.start()
            run.watch(end)
            for thread in threads:
                thread.join(60)
            run.peak = max(run.peak, run.server.peak())
            if run.peak > MEMORY:
                run.finding("memory", f"the server took {run.peak} KiB")
            try:
                run.ending()
            except (AssertionError, grpc.RpcError, sqlite3.Error, subprocess.TimeoutExpired, IndexError) as error:
                run.finding("ending", f"the end: {error!r}")
            print("sent: " + ", ".join(f"{count} {label}" for label, count in sorted(run.sent.items())))
            print("statuses of gRPC: " + ", ".join(f"{count} {name}" for name, count in statuses.most_common()))
            for signature, count in run.findings.most_common():
                print(f"  {count} times: {signature}")
            print(f"seed {seed}, {sum(run.findings.values())} findings of {len(run.findings)} kinds, at most {run.peak} KiB")
            if run.findings:
                sys.exit("kfmd did not stay well.")
        finally:
            run.server.process.kill()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else random.randrange(2**31))
