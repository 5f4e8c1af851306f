"""One store file, written by kfmd and by the original in turn, thousands of times; each reads what the other wrote.

    both_ways.py KFMD FOLDER [SEED]
"""

import random
import sys

from durability import Server
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s

FOLDER = sys.argv[2]
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
chance = random.Random(SEED)


def value():
    """Exact in both: the original keeps six decimals of a double."""
    kind = chance.randrange(5)
    if kind == 0:
        return m.Value(int_value=chance.choice([0, -1, 2**63 - 1, -(2**63), chance.randrange(10**9)]))
    if kind == 1:
        return m.Value(double_value=chance.choice([0.0, 0.5, -1024.25, float(chance.randrange(10**6))]))
    if kind == 2:
        return m.Value(bool_value=chance.random() < 0.5)
    if kind == 3:
        result = m.Value()
        result.struct_value["key"] = chance.choice(["text", 1.5, None, True])
        return result
    return m.Value(string_value=chance.choice(["", "it's", 'a "quote"', "ünï\n", "x" * 5000, "%_;--", "0"]))


def custom(node):
    for name in chance.sample(["a", "b", "c's", "ü"], chance.randrange(4)):
        node.custom_properties[name].CopyFrom(value())
    return node


def types(call):
    kinds = []
    for number in range(3):
        kind = m.ArtifactType(name=f"artifact-{number}", properties={"n": m.INT, "s": m.STRING}, base_type=number or None)
        kinds.append(call("PutArtifactType", s.PutArtifactTypeRequest(artifact_type=kind)).type_id)
    execution = m.ExecutionType(name="execution", properties={"s": m.STRING})
    context = m.ContextType(name="context", version="1")
    return (
        kinds, call("PutExecutionType", s.PutExecutionTypeRequest(execution_type=execution)).type_id,
        call("PutContextType", s.PutContextTypeRequest(context_type=context)).type_id,
    )  # fmt: skip


def write(call, ids, count, prefix):
    """Calls of all kinds that write, about `count` of them."""
    kinds, execution, context = ids
    artifacts = call("GetArtifacts", s.GetArtifactsRequest()).artifacts
    for number in range(count):
        name = f"{prefix}-{number}"
        what = chance.randrange(6)
        if what <= 1 or not artifacts:
            request = s.PutExecutionRequest(execution=custom(m.Execution(type_id=execution, name=name)))
            for event in (m.Event.INPUT, m.Event.OUTPUT):
                node = custom(m.Artifact(type_id=chance.choice(kinds), uri=f"u{chance.randrange(50)}", external_id=f"{name}-{event}"))
                node.properties["n"].int_value = number
                step = m.Event.Path.Step(key="k") if number % 2 else m.Event.Path.Step(index=number)
                request.artifact_event_pairs.add(artifact=node, event=m.Event(type=event, path=m.Event.Path(steps=[step, step])))
            request.contexts.add(type_id=context, name=f"context-{chance.randrange(9)}")
            request.options.reuse_context_if_already_exist = True
            call("PutExecution", request)
            if number % 50 == 0:
                artifacts = call("GetArtifacts", s.GetArtifactsRequest()).artifacts
        elif what == 2:
            node = m.Artifact()
            node.CopyFrom(chance.choice(artifacts))
            node.ClearField("custom_properties")
            node.state = chance.choice([m.Artifact.LIVE, m.Artifact.DELETED])
            call("PutArtifacts", s.PutArtifactsRequest(artifacts=[custom(node)]))
        elif what == 3:
            # A graph of its own.
            request = s.PutLineageSubgraphRequest()
            for part in range(3):
                request.artifacts.append(custom(m.Artifact(type_id=chance.choice(kinds))))
                request.executions.append(custom(m.Execution(type_id=execution, last_known_state=m.Execution.COMPLETE)))
                request.event_edges.add(artifact_index=part, execution_index=part, event=m.Event(type=m.Event.OUTPUT, milliseconds_since_epoch=part))
            call("PutLineageSubgraph", request)
        elif what == 4:
            call("PutContexts", s.PutContextsRequest(contexts=[custom(m.Context(type_id=context, name=name))]))
        else:
            kind = m.ArtifactType(name=f"artifact-{chance.randrange(3)}", properties={f"more-{chance.randrange(9)}": m.STRING})
            request = s.PutArtifactTypeRequest(artifact_type=kind, can_add_fields=True, can_omit_fields=True)
            call("PutArtifactType", request)


def graph(call):
    """All that is in a store, as text."""
    artifacts = call("GetArtifacts", s.GetArtifactsRequest()).artifacts
    executions = call("GetExecutions", s.GetExecutionsRequest()).executions
    contexts = call("GetContexts", s.GetContextsRequest()).contexts
    events = call("GetEventsByExecutionIDs", s.GetEventsByExecutionIDsRequest(execution_ids=[e.id for e in executions])).events
    result = [*artifacts, *executions, *contexts, *sorted(events, key=str)]
    result += call("GetArtifactTypes", s.GetArtifactTypesRequest()).artifact_types
    for item in contexts[:20]:
        members = call("GetExecutionsByContext", s.GetExecutionsByContextRequest(context_id=item.id)).executions
        result.append(sorted(node.id for node in members))
        members = call("GetArtifactsByContext", s.GetArtifactsByContextRequest(context_id=item.id)).artifacts
        result.append(sorted(node.id for node in members))
    return [str(item) if isinstance(item, list) else item.SerializeToString(deterministic=True) for item in result]


def original(path):
    config = m.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = m.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = MetadataStore(config)

    def call(method, request):
        response = getattr(s, method + "Response")()
        store._call(method, request, response)
        return response

    return call


def ours(server):
    return lambda method, request: getattr(server.stub, method)(request)


def main():
    total = 0
    for first in ("kfmd", "the original"):
        path = f"{FOLDER}/{first.replace(' ', '-')}.db"
        for turn in range(4):
            if (turn % 2 == 0) == (first == "kfmd"):
                server = Server(path, "--predefined-types", "none")
                writer = ours(server)
            else:
                server, writer = None, original(path)
            ids = types(writer) if turn == 0 else ids
            write(writer, ids, 500, f"turn-{turn}")
            total += 500
            written = graph(writer)
            if server:
                server.stop()
                reader, name = original(path), "the original"
            else:
                # The original leaves its connection open as long as it lives; both may have the file.
                server = Server(path, "--predefined-types", "none")
                reader, name = ours(server), "kfmd"
            read = graph(reader)
            assert len(read) == len(written), f"seed {SEED}: {name} reads {len(read)} of {len(written)}"
            differ = [(a, b) for a, b in zip(written, read) if a != b]
            assert not differ, f"seed {SEED}: {name} reads {len(differ)} otherwise: {differ[0]}"
            if server.process.poll() is None:
                server.stop()
            del reader, writer
    # What only kfmd can hold does not keep the original from reading.
    path = f"{FOLDER}/odd.db"
    server = Server(path, "--predefined-types", "none")
    kinds, _, _ = types(ours(server))
    odd = m.Artifact(type_id=kinds[0])
    for name, number in (("nan", float("nan")), ("minus", -0.0), ("third", 1 / 3), ("infinite", float("inf"))):
        odd.custom_properties[name].double_value = number
    server.stub.PutArtifacts(s.PutArtifactsRequest(artifacts=[odd]))
    server.stop()
    found = original(path)("GetArtifacts", s.GetArtifactsRequest()).artifacts
    assert len(found) == 1 and found[0].custom_properties["nan"].double_value == 0
    assert abs(found[0].custom_properties["third"].double_value - 1 / 3) < 1e-6
    print(f"{total} writes, read both ways; seed {SEED}")


if __name__ == "__main__":
    main()
