"""Speaks gRPC-Web to the HTTP port byte by byte, as a browser's client does.

    grpc_web.py HOST:PORT
"""

import base64
import http.client
import re
import struct
import sys

from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s

ADDRESS = sys.argv[1]
SERVICE = "/ml_metadata.MetadataStoreService/"
checks = 0


def check(what, condition):
    global checks
    assert condition, what
    checks += 1


def send(method, path, body, headers):
    connection = http.client.HTTPConnection(ADDRESS, timeout=300)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def frame(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def frames(body):
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + length, "a frame is longer than the body"
        yield flags, body[5 : 5 + length]
        body = body[5 + length :]


def unbase64(body):
    """Text of several pieces, each with its padding."""
    pieces = re.findall(rb"[^=]+=*", body)
    return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)


def call(method, body, content_type="application/grpc-web+proto", **headers):
    """The messages of an answer, and its trailers."""
    response, content = send(
        "POST", SERVICE + method, body,
        {"Content-Type": content_type, "X-Grpc-Web": "1", **{k.replace("_", "-"): v for k, v in headers.items()}},
    )  # fmt: skip
    check(f"{method}: HTTP {response.status}", response.status == 200)
    kind = content_type.split(";")[0]
    text = "-text" in kind
    check("Content-Type", response.headers["Content-Type"] == f"application/grpc-web{'-text' if text else ''}+proto")
    messages, trailers = [], {}
    for flags, payload in frames(unbase64(content) if text else content):
        check("nothing follows the trailers", not trailers)
        if flags & 0x80:
            for line in payload.decode("ascii").split("\r\n"):
                if line:
                    name, value = line.split(":", 1)
                    trailers[name.lower()] = value.strip()
        else:
            check("flags of a message", flags == 0)
            messages.append(payload)
    return messages, trailers


def answer(method, request, response, **options):
    messages, trailers = call(method, frame(request.SerializeToString()), **options)
    check(f"{method}: {trailers}", trailers["grpc-status"] == "0" and len(messages) == 1)
    return response.FromString(messages[0])


def refusal(method, body, status, text, **options):
    messages, trailers = call(method, body, **options)
    check(f"{method}: {trailers}", trailers["grpc-status"] == str(status) and not messages)
    check(f"{method}: {trailers['grpc-message']}", text in trailers["grpc-message"])


def main():
    put = s.PutArtifactTypeRequest(artifact_type=m.ArtifactType(name="web", properties={"p": m.STRING}))
    kind = answer("PutArtifactType", put, s.PutArtifactTypeResponse).type_id
    for content_type in (
        "application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text",
        "application/grpc-web-text+proto; charset=utf-8",
    ):  # fmt: skip
        request = s.GetArtifactTypeRequest(type_name="web").SerializeToString()
        body = frame(request)
        if "-text" in content_type:
            # In two pieces, each padded, as a client that writes frame by frame does.
            body = base64.b64encode(body[:5]) + base64.b64encode(body[5:])
        messages, trailers = call("GetArtifactType", body, content_type)
        check(trailers, trailers["grpc-status"] == "0")
        check("the type", s.GetArtifactTypeResponse.FromString(messages[0]).artifact_type.id == kind)

    # Errors are in the trailers, and their messages percent-encoded.
    refusal("GetArtifactType", frame(s.GetArtifactTypeRequest(type_name="nö").SerializeToString()), 5, "n%C3%B6")
    refusal("GetLineageGraph", frame(b""), 12, "GetLineageGraph")
    refusal("NoSuchMethod", frame(b""), 12, "NoSuchMethod")
    refusal("GetArtifacts", b"", 3, "0 bytes")
    refusal("GetArtifacts", b"\0\0\0", 3, "3 bytes")
    refusal("GetArtifacts", b"\0\0\0\0\x09abc", 3, "9 bytes")
    refusal("GetArtifacts", frame(b"") + frame(b""), 3, "more than one message")
    refusal("GetArtifacts", frame(b"", flags=1), 12, "Compressed")
    refusal("GetArtifacts", frame(b"\xff\xff\xff"), 3, "GetArtifactsRequest")
    refusal("GetArtifacts", b"@@@@", 3, "base64", content_type="application/grpc-web-text")
    refusal("GetArtifacts", frame(b""), 3, "grpc-timeout", grpc_timeout="soon")
    # A client may send trailers of its own.
    messages, trailers = call("GetArtifactTypes", frame(b"") + frame(b"x: y\r\n", flags=0x80))
    check(trailers, trailers["grpc-status"] == "0")

    # A large answer, both ways of writing.
    artifacts = [m.Artifact(type_id=kind, uri=f"u{n}", properties={"p": m.Value(string_value="x" * 20000)}) for n in range(500)]
    stored = answer("PutArtifacts", s.PutArtifactsRequest(artifacts=artifacts), s.PutArtifactsResponse)
    check("500 are stored", len(stored.artifact_ids) == 500)
    request = s.GetArtifactsByTypeRequest(type_name="web")
    found = answer("GetArtifactsByType", request, s.GetArtifactsByTypeResponse)
    check("500 come back", [a.uri for a in found.artifacts] == [a.uri for a in artifacts])
    body = base64.b64encode(frame(request.SerializeToString()))
    messages, trailers = call("GetArtifactsByType", body, "application/grpc-web-text")
    check("as text too", s.GetArtifactsByTypeResponse.FromString(messages[0]) == found)
    answer("GetArtifactsByType", request, s.GetArtifactsByTypeResponse, grpc_timeout="20S")

    # Browsers ask first when the page comes from elsewhere.
    asked = {
        "Origin": "https://pipelines.example.com", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-grpc-web,x-user-agent",
    }  # fmt: skip
    response, content = send("OPTIONS", SERVICE + "GetArtifacts", None, asked)
    check("preflight", response.status == 204 and content == b"")
    check("origin", response.headers["Access-Control-Allow-Origin"] == "https://pipelines.example.com")
    check("method", "POST" in response.headers["Access-Control-Allow-Methods"])
    allowed = {name.strip() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    check("headers", {"content-type", "x-grpc-web", "x-user-agent", "grpc-timeout"} <= allowed)
    response, _ = send(
        "POST", SERVICE + "GetArtifactTypes", frame(b""),
        {"Content-Type": "application/grpc-web", "Origin": "https://pipelines.example.com"},
    )  # fmt: skip
    check("origin of the answer", response.headers["Access-Control-Allow-Origin"] == "https://pipelines.example.com")
    # Others learn nothing, and write nothing.
    response, _ = send("OPTIONS", SERVICE + "GetArtifacts", None, {**asked, "Origin": "https://evil.example.com"})
    check("no preflight for others", "Access-Control-Allow-Origin" not in response.headers)
    other, content = send(
        "POST", SERVICE + "GetArtifactTypes", frame(b""),
        {"Content-Type": "application/grpc-web", "Origin": "https://evil.example.com"},
    )  # fmt: skip
    check("others are refused", other.status == 403 and b"evil.example.com" in content)
    response, _ = send(
        "POST", SERVICE + "GetArtifactTypes", frame(b""),
        {"Content-Type": "application/grpc-web", "Origin": "https://pipelines.example.com"},
    )  # fmt: skip
    check("exposed", "grpc-status" in response.headers["Access-Control-Expose-Headers"])

    response, content = send("POST", SERVICE + "GetArtifacts", b"{}", {"Content-Type": "application/json"})
    check("another content type", response.status == 415 and b"application/grpc-web" in content)
    response, _ = send("GET", SERVICE + "GetArtifacts", None, {})
    check("another verb", response.status in (404, 405))
    print(f"{checks} checks passed")


if __name__ == "__main__":
    main()
