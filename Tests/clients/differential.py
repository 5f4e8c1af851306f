"""Makes the same calls to the original store, in process, and to a server; compares the answers.

    differential.py HOST:PORT

Answers must be equal, times and hash order aside; refusals must be of the same kind. What differs by right stands in
ALLOWED with its reason; an entry that does not differ is a fault too.
"""

import os
import sys
import tempfile

import grpc
from ml_metadata import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2, metadata_store_service_pb2_grpc

Subgraph = m.LineageSubgraphQueryOptions


# By label: why kfmd is otherwise, as docs/compatibility.md says.
NO_FUNCTION = "the original makes SQL of it that SQLite does not know"
CLASH = "a clash of external ids is ALREADY_EXISTS, not INTERNAL"
ALLOWED = {
    "graph to nothing": "an empty query of ending nodes is none",
    "filter CHAR_LENGTH(uri) = 2": NO_FUNCTION,
    "filter CONCAT(uri, 'x') = 'u2x'": NO_FUNCTION,
    "filter uri || 'x' = 'u2x'": NO_FUNCTION,
    "filter IF(id = 1, TRUE, FALSE)": NO_FUNCTION,
    "filter STARTS_WITH(uri, 'u')": NO_FUNCTION,
    "filter MOD(id, 2) = 1 AND id < 6": NO_FUNCTION,
    "filter contexts artifacts_a.external_id = 'y1'": "the original's join lacks the column",
    "filter contexts executions_a.external_id = 'ex1'": "the original's join lacks the column",
    "filter contexts artifacts_a.state != LIVE": "the original cuts the path when it rewrites the state",
    "Execution type with an empty external id": CLASH,
    "Context type with an empty external id": CLASH,
    "Artifact loses its external id": CLASH,
    "Execution loses its external id": CLASH,
    "Context loses its external id": CLASH,
}


def original(folder):
    config = m.ConnectionConfig()
    config.sqlite.filename_uri = os.path.join(folder, "original.db")
    config.sqlite.connection_mode = m.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return MetadataStore(config)


def ours(address):
    host, port = address.rsplit(":", 1)
    return MetadataStore(m.MetadataStoreClientConfig(host=host, port=int(port)))


def plain(value):
    """A value without what may differ."""
    if isinstance(value, (list, tuple)):
        items = [plain(item) for item in value]
        return sorted(items) if isinstance(value, list) else items
    if hasattr(value, "DESCRIPTOR"):
        copy = type(value)()
        copy.CopyFrom(value)
        for field in ("create_time_since_epoch", "last_update_time_since_epoch"):
            if field in copy.DESCRIPTOR.fields_by_name:
                copy.ClearField(field)
        if copy.DESCRIPTOR.name == "Event":
            copy.ClearField("milliseconds_since_epoch")
        if copy.DESCRIPTOR.name == "LineageGraph":
            # The original's list of all types drops what they are derived from, too.
            for kind in [*copy.artifact_types, *copy.execution_types]:
                kind.ClearField("base_type")
        if copy.DESCRIPTOR.name == "LineageGraph" or copy.DESCRIPTOR.name.endswith("Response"):
            return [(field.name, plain(list(items) if field.label == field.LABEL_REPEATED else items))
                    for field, items in copy.ListFields()]
        # The original's lists of types drop the external id.
        if copy.DESCRIPTOR.name.endswith("Type"):
            copy.ClearField("external_id")
        return copy.SerializeToString(deterministic=True).hex() + " " + str(copy).replace("\n", " ")
    return repr(value)


def typed(cls, type_id, name=None, **fields):
    node = cls(type_id=type_id, **fields)
    if name is not None:
        node.name = name
    return node


def raw(method, *requests, **fields):
    """Messages as they are, where the client adds calls of its own; the answer to the last."""
    requests = requests or (getattr(metadata_store_service_pb2, f"{method}Request")(**fields),)

    def call(store):
        for request in requests:
            response = getattr(metadata_store_service_pb2, f"{method}Response")()
            store._call(method, request, response)  # pylint: disable=protected-access
        return response

    return call


def calls():
    """Pairs of a label and a call."""
    at, et, ct = 10, 11, 12
    yield "artifact type", lambda s: s.put_artifact_type(
        m.ArtifactType(name="A", properties={"s": m.STRING, "i": m.INT, "d": m.DOUBLE, "b": m.BOOLEAN,
                                             "st": m.STRUCT, "p": m.PROTO}))
    yield "execution type", lambda s: s.put_execution_type(
        m.ExecutionType(name="E", properties={"s": m.STRING}, input_type=m.ArtifactStructType(
            any=m.AnyArtifactStructType())))
    yield "context type", lambda s: s.put_context_type(m.ContextType(name="C", properties={"s": m.STRING}))

    full = typed(m.Artifact, at, "n1", uri="u1", external_id="x1", state=m.Artifact.LIVE)
    full.properties["s"].string_value = "ünïcode '\"; DROP TABLE Artifact; --"
    full.properties["i"].int_value = 2**62
    full.properties["d"].double_value = 0.5
    full.properties["b"].bool_value = True
    full.properties["st"].struct_value["k"] = [1, "x", None]
    full.properties["p"].proto_value.Pack(m.Event(artifact_id=7))
    full.custom_properties["c"].string_value = ""
    full.custom_properties["st"].struct_value["z"] = {"y": True}
    unknown = typed(m.Artifact, at)
    unknown.properties["zz"].int_value = 1
    unmatched = typed(m.Artifact, at)
    unmatched.properties["s"].int_value = 1
    yield "artifact", lambda s: s.put_artifacts([full])
    yield "artifact back", lambda s: s.get_artifacts_by_id([1])
    yield "same name", lambda s: s.put_artifacts([typed(m.Artifact, at, "n1")])
    yield "same external id", lambda s: s.put_artifacts([typed(m.Artifact, at, external_id="x1")])
    yield "no type", lambda s: s.put_artifacts([m.Artifact(name="x")])
    yield "type by name only", lambda s: s.put_artifacts([m.Artifact(type="A")])
    yield "unknown type", lambda s: s.put_artifacts([typed(m.Artifact, 99)])
    yield "type of another kind", lambda s: s.put_artifacts([typed(m.Artifact, et)])
    yield "unknown property", lambda s: s.put_artifacts([unknown])
    yield "unmatched property", lambda s: s.put_artifacts([unmatched])
    yield "half a batch", lambda s: s.put_artifacts([typed(m.Artifact, at, uri="half"), unknown])
    yield "half is nothing", lambda s: s.get_artifacts_by_uri("half")
    yield "without uri", lambda s: s.put_artifacts([typed(m.Artifact, at)])
    yield "empty name", lambda s: s.put_artifacts([typed(m.Artifact, at, "")])
    yield "all artifacts", lambda s: s.get_artifacts()
    yield "update unknown", lambda s: s.put_artifacts([typed(m.Artifact, at, id=77)])
    yield "update of another type", lambda s: s.put_artifacts([typed(m.Artifact, et, id=1)])
    yield "update renames", lambda s: s.put_artifacts([typed(m.Artifact, at, "other", id=1, uri="u1b")])
    yield "updated", lambda s: s.get_artifacts_by_id([1])
    yield "update without type", lambda s: s.put_artifacts([m.Artifact(id=1, uri="u1c", external_id="x1")])
    yield "updated again", lambda s: s.get_artifacts_by_id([1])
    def update(mask, **fields):
        node = typed(m.Artifact, at, id=1, **fields)
        node.properties["s"].string_value = "masked"
        node.custom_properties["c"].string_value = "masked"
        return lambda s: (s.put_artifacts([node], mask), s.get_artifacts_by_id([1]))

    yield "whole update", update(None, uri="u1d", state=m.Artifact.LIVE, external_id="x1")
    for mask in (["uri"], ["state"], ["properties"], ["custom_properties"], ["external_id"], ["properties.s"],
                 ["properties.i"], ["custom_properties.c", "uri"], ["nope"], ["name"], []):
        yield f"update with mask {mask}", update(mask, uri=f"masked {mask}", state=m.Artifact.DELETED, name="masked",
                                                external_id="x1")
    yield "ids", lambda s: s.get_artifacts_by_id([2, 1, 99, 1])
    yield "no ids", lambda s: s.get_artifacts_by_id([])

    for label, kwargs in (
        ("fewer", dict(properties={"s": m.STRING})), ("more", dict(properties={"s": m.STRING, "new": m.INT})),
        ("other", dict(properties={"s": m.INT}))):
        for add in (False, True):
            for omit in (False, True):
                yield f"type {label} add={add} omit={omit}", lambda s, k=kwargs, a=add, o=omit: s.put_artifact_type(
                    m.ArtifactType(name="A", **k), can_add_fields=a, can_omit_fields=o)
    yield "type back", lambda s: s.get_artifact_type("A")
    yield "type without name", lambda s: s.put_artifact_type(m.ArtifactType(properties={"s": m.STRING}))
    yield "type with unknown property", lambda s: s.put_artifact_type(
        m.ArtifactType(name="Q", properties={"s": m.UNKNOWN}))
    yield "type version", lambda s: s.put_artifact_type(
        m.ArtifactType(name="A", version="v2", description="d", external_id="tx", properties={"s": m.STRING}))
    yield "type version back", lambda s: s.get_artifact_type("A", "v2")
    yield "type external id", lambda s: s.get_artifact_types_by_external_ids(["tx"])
    yield "type external id again", lambda s: s.put_artifact_type(m.ArtifactType(name="A9", external_id="tx"))
    yield "base type", lambda s: s.put_artifact_type(m.ArtifactType(name="B", base_type=m.ArtifactType.DATASET))
    yield "base type unset", lambda s: s.put_artifact_type(m.ArtifactType(name="B", base_type=m.ArtifactType.UNSET))
    yield "base type changed", lambda s: s.put_artifact_type(m.ArtifactType(name="B", base_type=m.ArtifactType.MODEL))
    yield "execution base type", lambda s: s.put_execution_type(
        m.ExecutionType(name="BE", base_type=m.ExecutionType.TRAIN))
    yield "artifact types", lambda s: s.get_artifact_types()
    yield "execution types", lambda s: s.get_execution_types()
    yield "context types", lambda s: s.get_context_types()
    yield "types by id", lambda s: s.get_artifact_types_by_id([10, 1, 11])
    yield "unknown type name", lambda s: s.get_artifact_type("nope")
    yield "unknown type version", lambda s: s.get_artifact_type("A", "nope")

    event = m.Event(type=m.Event.OUTPUT)
    event.path.steps.add().key = "k"
    event.path.steps.add().index = 3
    yield "put_execution", lambda s: s.put_execution(
        typed(m.Execution, et, "e1", external_id="ex1", last_known_state=m.Execution.RUNNING),
        [(typed(m.Artifact, at, uri="u2"), event)], [typed(m.Context, ct, "c1")])
    yield "events", lambda s: s.get_events_by_execution_ids([1, 2])
    yield "put_execution, context again", lambda s: s.put_execution(
        typed(m.Execution, et, "e2"), [], [typed(m.Context, ct, "c1")])
    yield "put_execution, context reused", lambda s: s.put_execution(
        typed(m.Execution, et, "e2"), [(typed(m.Artifact, at, id=1), m.Event(type=m.Event.INPUT))],
        [typed(m.Context, ct, "c1")], reuse_context_if_already_exist=True)
    yield "put_execution, wrong artifact", lambda s: s.put_execution(
        typed(m.Execution, et, "e3"), [(typed(m.Artifact, at, id=1), m.Event(type=m.Event.INPUT, artifact_id=2))], [])
    yield "put_execution, artifact by external id", lambda s: s.put_execution(
        typed(m.Execution, et, "e4"), [(typed(m.Artifact, at, uri="y", external_id="y1"), m.Event(type=m.Event.OUTPUT))],
        [], reuse_artifact_if_already_exist_by_external_id=True)
    yield "put_execution, the same again", lambda s: s.put_execution(
        typed(m.Execution, et, "e5"), [(typed(m.Artifact, at, uri="y2", external_id="y1"), m.Event(type=m.Event.INPUT))],
        [], reuse_artifact_if_already_exist_by_external_id=True)
    yield "executions", lambda s: s.get_executions()
    yield "artifacts", lambda s: s.get_artifacts()
    for label, kwargs in (
        ("no artifact", dict(artifact_id=91, execution_id=1, type=3)), ("no execution", dict(artifact_id=1, execution_id=91, type=3)),
        ("no type", dict(artifact_id=1, execution_id=1)), ("no id", dict(execution_id=1, type=3)),
        ("input", dict(artifact_id=1, execution_id=1, type=3)), ("input again", dict(artifact_id=1, execution_id=1, type=3))):
        yield f"event {label}", lambda s, k=kwargs: s.put_events([m.Event(**k)])
    yield "events of artifacts", lambda s: s.get_events_by_artifact_ids([1, 3])
    yield "no events", lambda s: s.get_events_by_artifact_ids([99])
    yield "links", lambda s: s.put_attributions_and_associations(
        [m.Attribution(artifact_id=2, context_id=1)], [m.Association(execution_id=2, context_id=1)])
    yield "links again", lambda s: s.put_attributions_and_associations(
        [m.Attribution(artifact_id=2, context_id=1)], [m.Association(execution_id=2, context_id=1)])
    yield "link to nothing", lambda s: s.put_attributions_and_associations([m.Attribution(artifact_id=2, context_id=9)], [])
    yield "link of nothing", lambda s: s.put_attributions_and_associations([], [m.Association(execution_id=99, context_id=1)])
    yield "contexts", lambda s: s.put_contexts([typed(m.Context, ct, "c2"), typed(m.Context, ct, "c3")])
    yield "context without name", lambda s: s.put_contexts([typed(m.Context, ct)])
    yield "context renamed", lambda s: s.put_contexts([typed(m.Context, ct, "c3b", id=3)])
    yield "context unnamed", lambda s: s.put_contexts([typed(m.Context, ct, id=3)])
    for child, parent in ((1, 2), (1, 2), (1, 92), (1, 1), (2, 1), (2, 3), (3, 1)):
        yield f"parent {child} {parent}", lambda s, c=child, p=parent: s.put_parent_contexts(
            [m.ParentContext(child_id=c, parent_id=p)])
    yield "parents", lambda s: s.get_parent_contexts_by_context(1)
    yield "children", lambda s: s.get_children_contexts_by_context(2)
    yield "parents of nothing", lambda s: s.get_parent_contexts_by_context(99)
    yield "contexts of artifact", lambda s: s.get_contexts_by_artifact(3)
    yield "contexts of lone artifact", lambda s: s.get_contexts_by_artifact(4)
    yield "contexts of no artifact", lambda s: s.get_contexts_by_artifact(99)
    yield "contexts of execution", lambda s: s.get_contexts_by_execution(1)
    yield "contexts of no execution", lambda s: s.get_contexts_by_execution(99)
    yield "artifacts of context", lambda s: s.get_artifacts_by_context(1)
    yield "executions of context", lambda s: s.get_executions_by_context(1)
    yield "artifacts of no context", lambda s: s.get_artifacts_by_context(99)
    yield "by uri", lambda s: s.get_artifacts_by_uri("u2")
    yield "by type", lambda s: s.get_artifacts_by_type("A")
    yield "by unknown type", lambda s: s.get_artifacts_by_type("nope")
    yield "executions by type", lambda s: s.get_executions_by_type("E")
    yield "contexts by type", lambda s: s.get_contexts_by_type("C")
    yield "by type and name", lambda s: s.get_artifact_by_type_and_name("A", "n1")
    yield "by type and no name", lambda s: s.get_artifact_by_type_and_name("A", "nope")
    yield "context by type and name", lambda s: s.get_context_by_type_and_name("C", "c1")
    yield "execution by type and name", lambda s: s.get_execution_by_type_and_name("E", "e1")
    for ids in (["y1", "nope"], ["nope"], [""], []):
        yield f"artifacts by external ids {ids}", lambda s, i=ids: s.get_artifacts_by_external_ids(i)
        yield f"executions by external ids {ids}", lambda s, i=ids: s.get_executions_by_external_ids(i)
        yield f"contexts by external ids {ids}", lambda s, i=ids: s.get_contexts_by_external_ids(i)

    yield "subgraph", lambda s: s.put_lineage_subgraph(
        [typed(m.Execution, et, "p1")], [typed(m.Artifact, at, uri="pl", external_id="plx")], [typed(m.Context, ct, "pc")],
        [(0, 0, m.Event(type=m.Event.OUTPUT))])
    yield "subgraph, context again", lambda s: s.put_lineage_subgraph(
        [typed(m.Execution, et, "p2")], [], [typed(m.Context, ct, "pc")], [])
    yield "subgraph, reused", lambda s: s.put_lineage_subgraph(
        [typed(m.Execution, et, "p2")], [typed(m.Artifact, at, uri="pl2", external_id="plx")], [typed(m.Context, ct, "pc")],
        [(0, 0, m.Event(type=m.Event.INPUT))], reuse_context_if_already_exist=True,
        reuse_artifact_if_already_exist_by_external_id=True)
    yield "subgraph, event of a stored artifact", lambda s: s.put_lineage_subgraph(
        [typed(m.Execution, et, "p3")], [], [], [(0, None, m.Event(type=m.Event.INPUT, artifact_id=1))])
    yield "subgraph, artifact out of bounds", lambda s: s.put_lineage_subgraph(
        [typed(m.Execution, et, "p4")], [], [], [(0, 5, m.Event(type=m.Event.OUTPUT))])
    yield "subgraph, execution out of bounds", lambda s: s.put_lineage_subgraph(
        [typed(m.Execution, et, "p4")], [typed(m.Artifact, at)], [], [(4, 0, m.Event(type=m.Event.OUTPUT))])
    yield "everything", lambda s: (s.get_artifacts(), s.get_executions(), s.get_contexts(),
                                   s.get_events_by_execution_ids([1, 2, 3, 4, 5, 6, 7, 8]))

    def chain(s):
        artifacts = s.put_artifacts([typed(m.Artifact, at, uri=f"chain{i}") for i in range(121)])
        executions = s.put_executions([typed(m.Execution, et) for _ in range(120)])
        events = []
        for i, execution in enumerate(executions):
            events.append(m.Event(artifact_id=artifacts[i], execution_id=execution, type=m.Event.INPUT))
            events.append(m.Event(artifact_id=artifacts[i + 1], execution_id=execution, type=m.Event.OUTPUT))
        s.put_events(events)
        s.put_attributions_and_associations([m.Attribution(artifact_id=artifacts[0], context_id=1)],
                                            [m.Association(execution_id=executions[0], context_id=1)])
        return artifacts, executions

    yield "chain", chain

    def lineage(query, hops=None, direction=Subgraph.BIDIRECTIONAL, mask=None, executions=False, **kwargs):
        options = Subgraph(direction=direction, **kwargs)
        if hops is not None:
            options.max_num_hops = hops
        (options.starting_executions if executions else options.starting_artifacts).filter_query = query
        return lambda s: s.get_lineage_subgraph(options, mask) if mask else s.get_lineage_subgraph(options)

    for hops in (None, 0, 1, 2, 7, 100, 500, -1):
        yield f"lineage hops {hops}", lineage("uri = 'chain0'", hops)
    for direction in (Subgraph.UPSTREAM, Subgraph.DOWNSTREAM, Subgraph.DIRECTION_UNSPECIFIED):
        yield f"lineage direction {direction}", lineage("uri = 'chain60'", 3, direction)
    yield "lineage of an execution", lineage("id = 30", 1, executions=True)
    yield "lineage mask", lineage("uri = 'chain0'", 2, mask=["artifacts", "events"])
    yield "lineage mask of nothing", lineage("uri = 'chain0'", 2, mask=["nope"])
    ending = Subgraph.EndingNodes(filter_query="uri = 'chain2'")
    yield "lineage to an end", lineage("uri = 'chain0'", 20, ending_artifacts=ending)
    ending = Subgraph.EndingNodes(filter_query="uri = 'chain2'", include_ending_nodes=True)
    yield "lineage to an end, included", lineage("uri = 'chain0'", 20, ending_artifacts=ending)
    yield "lineage of nothing", lineage("uri = 'nowhere'", 2)
    # As the messages say, without what the client adds.
    def graph(query, hops=None, direction=Subgraph.BIDIRECTIONAL, mask=(), executions=False, **kwargs):
        options = Subgraph(direction=direction, **kwargs)
        if hops is not None:
            options.max_num_hops = hops
        (options.starting_executions if executions else options.starting_artifacts).filter_query = query
        request = metadata_store_service_pb2.GetLineageSubgraphRequest(lineage_subgraph_query_options=options)
        request.read_mask.paths.extend(mask)
        return raw("GetLineageSubgraph", request)

    def both(s):
        """An artifact that one execution reads and writes, and a diamond."""
        artifacts = s.put_artifacts([typed(m.Artifact, at, uri=f"loop{i}") for i in range(4)])
        executions = s.put_executions([typed(m.Execution, et, f"loop{i}") for i in range(3)])
        edges = [(0, 0, m.Event.INPUT), (0, 0, m.Event.OUTPUT), (0, 1, m.Event.INPUT), (1, 1, m.Event.OUTPUT),
                 (0, 2, m.Event.DECLARED_INPUT), (1, 2, m.Event.INTERNAL_OUTPUT), (2, 2, m.Event.PENDING_OUTPUT),
                 (1, 0, m.Event.INTERNAL_INPUT), (3, 1, m.Event.DECLARED_OUTPUT), (3, 2, m.Event.INPUT), (2, 0, m.Event.UNKNOWN)]
        s.put_events([m.Event(artifact_id=artifacts[a], execution_id=executions[e], type=t) for a, e, t in edges])
        return artifacts, executions

    yield "a loop", both
    directions = (Subgraph.BIDIRECTIONAL, Subgraph.UPSTREAM, Subgraph.DOWNSTREAM, Subgraph.DIRECTION_UNSPECIFIED)
    masks = ((), ("artifacts", "executions", "events"), ("contexts",), ("artifact_types",), ("events", "nope"),
             ("associations", "attributions"), ("execution_types", "context_types"), ("artifacts.id",))
    for direction in directions:
        for hops in (None, 0, 1, 2, 3):
            for start in ("loop0", "loop1", "chain3"):
                yield f"graph {direction} {hops} {start}", graph(f"uri = '{start}'", hops, direction)
            yield f"graph of executions {direction} {hops}", graph("name = 'loop1'", hops, direction, executions=True)
        yield f"graph of two {direction}", graph("uri IN ('loop0', 'loop3')", 2, direction)
        for included in (False, True):
            for query in ("uri = 'loop1'", "uri = 'loop0'", "uri LIKE 'loop%'", "uri = 'nowhere'", "nope = 1"):
                ending = Subgraph.EndingNodes(filter_query=query, include_ending_nodes=included)
                yield f"graph to artifacts {direction} {included} {query}", graph("uri = 'loop0'", 5, direction, ending_artifacts=ending)
                # Where no artifact is met, the original does not look at the query.
                if query != "nope = 1":
                    yield f"graph of executions to artifacts {direction} {included} {query}", graph(
                        "name = 'loop0'", 5, direction, executions=True, ending_artifacts=ending)
            for query in ("name = 'loop1'", "name LIKE 'loop%'"):
                ending = Subgraph.EndingNodes(filter_query=query, include_ending_nodes=included)
                yield f"graph to executions {direction} {included} {query}", graph("uri = 'loop0'", 5, direction, ending_executions=ending)
                yield f"graph of executions to executions {direction} {included} {query}", graph(
                    "name = 'loop1'", 5, direction, executions=True, ending_executions=ending)
                ends = Subgraph.EndingNodes(filter_query="uri = 'loop1'", include_ending_nodes=included)
                yield f"graph to both {direction} {included} {query}", graph(
                    "uri = 'loop0'", 5, direction, ending_executions=ending, ending_artifacts=ends)
    for mask in masks:
        yield f"graph with mask {mask}", graph("uri = 'loop0'", 2, mask=mask)
    yield "graph to nothing", graph("uri = 'loop0'", 2, ending_artifacts=Subgraph.EndingNodes(filter_query=""))
    yield "graph to nobody", graph("uri = 'loop0'", 2, ending_artifacts=Subgraph.EndingNodes())

    # What is empty, and what is named twice.
    for kind, type_id in (("Artifact", at), ("Execution", et), ("Context", ct)):
        for label, fields in (("new", {}), ("named", dict(name=f"empty{kind}"))):
            yield f"{kind} with an empty external id, {label}", lambda s, k=kind, t=type_id, f=fields: (
                getattr(s, f"put_{k.lower()}s")([getattr(m, k)(type_id=t, external_id="", **f)]),
                getattr(s, f"get_{k.lower()}s")()[-1])
        yield f"{kind} loses its external id", lambda s, k=kind, t=type_id: (
            getattr(s, f"put_{k.lower()}s")([getattr(m, k)(type_id=t, name=f"lost{k}", external_id=f"lost{k}")]),
            getattr(s, f"put_{k.lower()}s")([getattr(m, k)(
                id=max(n.id for n in getattr(s, f"get_{k.lower()}s")()), type_id=t, name=f"lost{k}", external_id="")]),
            max(getattr(s, f"get_{k.lower()}s")(), key=lambda n: n.id))
        for ids in ([10, 10, 11, 11, 12, 12], [], [0], [-1, 10]):
            yield f"{kind} types named {ids}", raw(f"Get{kind}TypesByID", type_ids=ids)
        for ids in ([1, 1, 2, 1], [0], [-5]):
            yield f"{kind}s named {ids}", raw(f"Get{kind}sByID", **{f"{kind.lower()}_ids": ids})
        yield f"{kind} type with an empty external id", lambda s, k=kind: (
            getattr(s, f"put_{k.lower()}_type")(getattr(m, f"{k}Type")(name="emptyx", external_id="")),
            getattr(s, f"get_{k.lower()}_type")("emptyx"))
        yield f"{kind} type with an empty version", lambda s, k=kind: (
            getattr(s, f"put_{k.lower()}_type")(getattr(m, f"{k}Type")(name="emptyv", version="")),
            getattr(s, f"get_{k.lower()}_type")("emptyv", ""))
        yield f"{kind} with a value of no kind of an unknown property", lambda s, k=kind, t=type_id: getattr(
            s, f"put_{k.lower()}s")([getattr(m, k)(type_id=t, name=f"novalue{k}", properties={"foo": m.Value()})])
    def path(*steps):
        event = m.Event(type=m.Event.INPUT)
        event.path.SetInParent()
        for step in steps:
            event.path.steps.add(**step)
        return event

    for steps in ((), ({},), ({}, {"key": "a"}), ({"key": ""},), ({"index": 0},), ({"key": "a"}, {}, {"index": 2})):
        def with_path(s, steps=steps):
            event = path(*steps)
            event.artifact_id = s.put_artifacts([typed(m.Artifact, at)])[0]
            event.execution_id = s.put_executions([typed(m.Execution, et)])[0]
            s.put_events([event])
            return s.get_events_by_execution_ids([event.execution_id])
        yield f"event with the path {steps}", with_path
    for ids in ([1, 1], [1, 2, 1]):
        yield f"events of {ids}", raw("GetEventsByExecutionIDs", execution_ids=ids)
        yield f"events of artifacts {ids}", raw("GetEventsByArtifactIDs", artifact_ids=ids)
    for uris in (["u2", "u2"], [""], []):
        yield f"by uris {uris}", raw("GetArtifactsByURI", uris=uris)
    for ids in (["y1", "y1"], ["y1", ""]):
        yield f"by external ids {ids}", raw("GetArtifactsByExternalIds", external_ids=ids)

    yield "lineage without start", lambda s: s.get_lineage_subgraph(Subgraph(max_num_hops=2))
    yield "lineage with an empty query", lineage("", 2)

    for query in (
        "id = 1", "uri = 'u2' OR uri = \"chain3\"", "id IN (1, 2, 3)", "uri LIKE 'chain1%'", "type = 'A' AND id < 4",
        "state = LIVE", "state IS NULL AND id < 9", "NOT (id > 3)", "contexts_a.name = 'c1'",
        "contexts_a.type = 'C' AND contexts_a.id = 1", "events_0.execution_id = 1",
        "events_0.type = INPUT AND events_0.execution_id = 2", "properties.i.int_value = 3 OR id = 1",
        "custom_properties.`a b`.string_value IS NULL AND id < 3", "name IS NULL AND id < 9", "external_id = 'y1'",
        "create_time_since_epoch > 0 AND id < 3", "id BETWEEN 1 AND 3", "id <> 1 AND id < 4", "id != 1 AND id < 4",
        "uri NOT IN ('u2') AND id < 5", "uri NOT LIKE 'chain%'", "contexts_a.name = 'c1' OR id = 5",
        "NOT contexts_a.name = 'zz'", "id = 1.0", "id > -1 AND id < 3", "lower(uri) = 'u2'",
        "id + 1 = 2", "id * 2 - 1 = 3", "-id = -1", "id - 1 - 1 = 1", "2 * (id + 1) = 4", "id / 2 = 1.5", "7 / 2 = 3.5 AND id = 1",
        "LENGTH(uri) = 2", "CHAR_LENGTH(uri) = 2", "CONCAT(uri, 'x') = 'u2x'", "uri || 'x' = 'u2x'", "CAST(id AS STRING) = '1'",
        "CAST(id AS STRING) LIKE '1%' AND id < 20", "CAST('3' AS INT64) = id", "ABS(id - 3) = 1", "COALESCE(name, 'none') = 'none' AND id < 9",
        "IFNULL(uri, 'none') = 'none' AND id < 9", "NULLIF(uri, 'u2') IS NULL AND id < 9", "(id = 1) = TRUE", "IF(id = 1, TRUE, FALSE)",
        "CASE id WHEN 1 THEN TRUE ELSE FALSE END", "CASE WHEN id = 1 THEN 'a' WHEN id = 2 THEN 'b' END = 'b'", "id IN (1 + 1, 3)",
        "SUBSTR(uri, 1, 1) = 'u'", "TRIM(uri) = 'u2'", "STARTS_WITH(uri, 'u')", "ROUND(id / 1) = 2",
        "MOD(id, 2) = 1 AND id < 6", "id BETWEEN 1 + 1 AND 2 * 2", "UPPER(LOWER(uri)) = 'U2'", "id = 1 OR id = 2 AND id = 3",
        # Refused.
        "id + 'x' = 1", "uri + 1 = 2", "LENGTH(id) = 1", "NOPE(id) = 1", "CAST(id AS NOPE) = 1", "id ||", "id * = 1", "CONCAT() = ''",
        "CASE END", "IF(id, 1, 2) = 1", "uri || id = 'x'", "artifacts_a.id = 1", "executions_a.id = 1",
        "id = 1 AND", "id ~ 3", "properties.i.int_value", "uri = 3", "id = 'x'", "(id = 1", "id = 1)", "nope = 1",
        "parent_contexts_a.name = 'p'", "contexts_.id = 1", "uri = null", "events_0.type = 4", "uri = 'a''b'"):
        yield f"filter {query}", lambda s, q=query: s.get_artifacts(ListOptions(filter_query=q))
    for query in ("last_known_state = RUNNING", "contexts_a.name = 'c1'", "events_0.artifact_id = 1", "name = 'e1'"):
        yield f"filter executions {query}", lambda s, q=query: s.get_executions(ListOptions(filter_query=q))
    for query in (
        "child_contexts_a.name = 'c1'", "parent_contexts_a.type = 'C'", "name LIKE 'c%'", "artifacts_a.uri = 'u2'", "artifacts_a.id = 2",
        "artifacts_a.type = 'A'", "artifacts_a.name = 'n1'", "artifacts_a.state = LIVE", "artifacts_a.state = UNKNOWN", "artifacts_a.uri LIKE 'chain%'",
        "artifacts_a.external_id = 'y1'", "artifacts_a.create_time_since_epoch > 0", "artifacts_a.state != LIVE", "artifacts_a.state IN (LIVE)",
        "executions_a.name = 'e1'", "executions_a.id = 1", "executions_a.type = 'E'", "executions_a.last_known_state = RUNNING",
        "executions_a.last_known_state IN (RUNNING, NEW)", "executions_a.external_id = 'ex1'", "executions_a.last_update_time_since_epoch > 0",
        "artifacts_a.uri = 'u2' AND executions_b.name = 'e1'", "artifacts_a.uri = 'u2' OR name = 'c2'", "NOT artifacts_a.uri = 'u2'",
        "artifacts_a.uri = 'u2' AND artifacts_b.uri = 'chain0'", "LENGTH(executions_a.name) = 2 AND artifacts_a.id + 1 > 0",
        "executions_a.uri = 'x'", "artifacts_a.nope = 1", "artifacts_.id = 1", "events_a.id = 1", "contexts_a.id = 1"):
        yield f"filter contexts {query}", lambda s, q=query: s.get_contexts(ListOptions(filter_query=q))
    for order in (OrderByField.ID, OrderByField.CREATE_TIME, OrderByField.UPDATE_TIME):
        for ascending in (True, False):
            yield f"first five by {order} {ascending}", lambda s, o=order, a=ascending: tuple(
                x.id for x in s.get_executions(ListOptions(limit=5, order_by=o, is_asc=a, filter_query="id <= 1")))
    for kind in ("execution", "context"):
        yield f"{kind} nodes by id", lambda s, k=kind: getattr(s, f"get_{k}s_by_id")([1, 2, 999])
        yield f"{kind} types by id", lambda s, k=kind: getattr(s, f"get_{k}_types_by_id")([10, 11, 12, 13, 14, 15, 999])
        yield f"no {kind} type", lambda s, k=kind: getattr(s, f"get_{k}_type")("none")
        yield f"{kind} types by name", lambda s, k=kind: [
            getattr(s, f"get_{k}_type")(found.name) for found in getattr(s, f"get_{k}_types")() if not found.version]
        for ids in (["none"], [""], []):
            yield f"{kind} types by external ids {ids}", lambda s, k=kind, i=ids: getattr(s, f"get_{k}_types_by_external_ids")(i)
    yield "artifacts and their types", lambda s: s.get_artifacts_and_types_by_artifact_ids([1, 2, 999])
    yield "pipeline asset", lambda s: s.pipeline_asset
    yield "all by pages", lambda s: tuple(x.id for x in s.get_artifacts(ListOptions(order_by=OrderByField.ID)))


def beyond_the_original(address):
    """What the original does not answer: the two lookups of many contexts, and what nobody answers."""
    stub = metadata_store_service_pb2_grpc.MetadataStoreServiceStub(grpc.insecure_channel(address))
    store, failures = ours(address), 0

    def check(label, found, expected):
        nonlocal failures
        if found != expected:
            failures += 1
            print(f"{label}: {found} instead of {expected}")

    ids = [context.id for context in store.get_contexts()]
    parents = stub.GetParentContextsByContexts(
        metadata_store_service_pb2.GetParentContextsByContextsRequest(context_ids=ids)).contexts
    children = stub.GetChildrenContextsByContexts(
        metadata_store_service_pb2.GetChildrenContextsByContextsRequest(context_ids=ids)).contexts
    check("parents", {key: [c.name for c in value.parent_contexts] for key, value in parents.items()},
          {key: [c.name for c in store.get_parent_contexts_by_context(key)] for key in ids
           if store.get_parent_contexts_by_context(key)})
    check("children", {key: [c.name for c in value.children_contexts] for key, value in children.items()},
          {key: [c.name for c in store.get_children_contexts_by_context(key)] for key in ids
           if store.get_children_contexts_by_context(key)})
    check("there are parents", bool(parents) and bool(children), True)
    try:
        stub.GetLineageGraph(metadata_store_service_pb2.GetLineageGraphRequest())
        check("GetLineageGraph", "answered", "UNIMPLEMENTED")
    except grpc.RpcError as error:
        check("GetLineageGraph", error.code().name, "UNIMPLEMENTED")
    artifact = store.get_artifacts_by_id([1])[0]
    for time, expected in ((artifact.last_update_time_since_epoch - 1, "FAILED_PRECONDITION"),
                           (artifact.last_update_time_since_epoch, "OK")):
        artifact.last_update_time_since_epoch = time
        request = metadata_store_service_pb2.PutArtifactsRequest(artifacts=[artifact])
        request.options.abort_if_latest_updated_time_changed = True
        try:
            stub.PutArtifacts(request)
            found = "OK"
        except grpc.RpcError as error:
            found = error.code().name
        check("abort_if_latest_updated_time_changed", found, expected)
    return failures


def attempt(call, store):
    try:
        return "ok", plain(call(store))
    except Exception as error:  # pylint: disable=broad-except
        return "refused", type(error).__name__


def leaves(value, path=""):
    """What an answer consists of, a text each."""
    if isinstance(value, (list, tuple)):
        named = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
        for item in value[1:] if named else value:
            yield from leaves(item, f"{path}/{value[0]}" if named else path)
        if not value:
            yield f"{path} nothing"
    else:
        yield f"{path} {value}"


def told(expected, found):
    """What is in one answer only."""
    one, two = list(leaves(expected)), list(leaves(found))
    for mark, mine, others in (("original", one, two), ("ours    ", two, one)):
        for leaf in [leaf for leaf in mine if leaf not in others][:6] or ["has nothing more"]:
            print(f"  {mark} {leaf[:400]}")


class Noting:
    """A store, and which of its methods were called."""

    def __init__(self, store):
        self.store, self.called = store, set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self.store, name)


def main():
    with tempfile.TemporaryDirectory() as folder:
        one, two = original(folder), Noting(ours(sys.argv[1]))
        count, different = 0, 0
        for label, call in calls():
            count += 1
            expected, found = attempt(call, one), attempt(call, two)
            if label in ALLOWED and expected == found:
                different += 1
                print(f"{label}: does not differ: {str(found)[:300]}")
            if expected != found and label not in ALLOWED:
                different += 1
                print(f"{label}:")
                told(expected, found)
        different += beyond_the_original(sys.argv[1])
        methods = {name for name in dir(MetadataStore) if not name.startswith("_")}
        for name in sorted(methods - two.called):
            different += 1
            print(f"MetadataStore.{name} is not called")
        print(f"{count} calls, {different} different")
        sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
