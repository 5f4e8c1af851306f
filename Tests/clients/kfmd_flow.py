"""Goes through the REST API with kfmd, the OpenAPI client that Kubeflow had, and looks at all that it shows.

    kfmd_flow.py HOST HTTP_PORT

The server has the predefined types. Names are new in each run, so that a store may be used again.
"""

import json
import re
import sys
import time
import uuid

from kfmd import metadata
from kfmd import openapi_client as api

TYPES = {
    metadata.DataSet: "create_time description name owner query version",
    metadata.Model: "create_time description model_type name owner version",
    metadata.Metrics: "create_time data_set_id description metrics_type model_id name owner version",
}
EXECUTION_TYPE = "create_time description executable_id name owner"
EXECUTION = metadata.Execution.EXECUTION_TYPE_NAME
MODEL = metadata.Model.ARTIFACT_TYPE_NAME
NO_ID = 2**40
passed, failed = 0, 0


class Noted:
    """The generated client, unchanged; notes which of its methods were called."""

    def __init__(self, client):
        self.client = client
        self.called = set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self.client, name)

    def body(self):
        """The JSON of the last answer: the client leaves out what it does not know."""
        return json.loads(self.client.api_client.last_response.data)


def check(label, found, expected):
    global passed, failed
    if found == expected:
        passed += 1
    else:
        failed += 1
        print(f"{label}:\n  found    {found}\n  expected {expected}")


def refused(label, message, call, status=500):
    """Message is a pattern, of all of the message."""
    try:
        check(label, f"answered {call()}", f"{status} {message}")
        return
    except api.exceptions.ApiException as error:
        found = error
    check(f"{label}, status", (found.status, found.reason),
          (status, {400: "Bad Request", 500: "Internal Server Error"}[status]))
    check(f"{label}, Content-Type", found.headers.get("Content-Type"), "application/json")
    body = json.loads(found.body)
    text = body.get("message")
    check(f"{label}, body", body, {"error": text, "message": text, "code": {400: 3, 500: 2}[status]})
    matches = re.fullmatch(message, str(text), re.DOTALL)
    check(f"{label}, message", text, text if matches else f"what matches {message}")


def not_served(label, status, text, call):
    """What no route takes is answered in plain text."""
    try:
        check(label, f"answered {call()}", status)
    except api.exceptions.ApiException as error:
        check(label, (error.status, error.body, error.headers.get("Content-Type")),
              (status, text, "text/plain; charset=utf-8"))


def string(text):
    return api.MlMetadataValue(string_value=text)


def texts(**properties):
    return {key: {"string_value": value} for key, value in properties.items() if value is not None}


def event(artifact_id=None, execution_id=None, kind=None, **fields):
    return api.MlMetadataEvent(artifact_id=artifact_id, execution_id=execution_id, type=kind, **fields)


def triples(events):
    return sorted((e.execution_id, e.artifact_id, e.type) for e in events)


def by_id(items):
    """The API promises no order."""
    return items and sorted(items, key=lambda item: int(item.id))


def of_workspace(executions, workspace):
    return {e.id for e in executions if e.custom_properties
            and e.custom_properties.get("__kf_workspace__") == string(workspace.name)}


def predefined(client):
    found = {t.name: t for t in client.list_artifact_types().artifact_types}
    for cls, names in TYPES.items():
        name = cls.ARTIFACT_TYPE_NAME
        check(name, found[name].properties, dict.fromkeys(names.split() + ["__ALL_META__"], "STRING"))
        check(f"{name} alone", client.get_artifact_type(name).artifact_type, found[name])
    check("simple types are not shown", [name for name in found if name.startswith("mlmd.")], [])
    found = {t.name: t for t in client.list_execution_types().execution_types}
    check(EXECUTION, found[EXECUTION].properties, dict.fromkeys(EXECUTION_TYPE.split() + ["__ALL_META__"], "STRING"))
    check(f"{EXECUTION} alone", client.get_execution_type(EXECUTION).execution_type, found[EXECUTION])
    check("simple execution types are not shown", [name for name in found if name.startswith("mlmd.")], [])


def flow(client, workspace, unique):
    """Training and serving, as Kubeflow's notebook has it."""
    begin = int(time.time() * 1000) - 1
    for cls in TYPES:
        check(f"no {cls.__name__} yet", workspace.list(cls.ARTIFACT_TYPE_NAME), [])
    run = metadata.Run(workspace=workspace, name=f"run {unique}", description="a run")
    trainer = metadata.Execution(name="training", workspace=workspace, run=run, description="execution example")
    type_id = client.get_execution_type(EXECUTION).execution_type.id
    custom = texts(__kf_workspace__=workspace.name, __kf_run__=run.name)
    client.get_execution(trainer.id, EXECUTION)
    check("execution", client.body(), {"execution": {
        "id": trainer.id, "type_id": type_id, "custom_properties": custom,
        "properties": texts(name="training", create_time=trainer.create_time, description="execution example")}})

    data = dict(name="mytable-dump", description="an example data", owner="owner@my-company.org",
                uri="file://path/to/dataset", version=f"data_set_version_{unique}", query="SELECT * FROM mytable",
                labels={"n": "1"})
    data_set = metadata.DataSet(**data)
    check("log_input gives what it got", trainer.log_input(data_set) is data_set, True)
    trained = dict(name="MNIST", description="reads <digits> & „Ziffern“", owner="someone@kubeflow.org",
                   uri="gcs://my-bucket/mnist", model_type="neural network",
                   training_framework={"name": "tensorflow", "version": "v1.0"},
                   hyperparameters={"learning_rate": 0.5, "layers": [10, 3, 1], "early_stop": True},
                   version=f"model_version_{unique}", labels={"mylabel": "l1"})
    model = metadata.Model(**trained)
    check("log_output gives what it got", trainer.log_output(model) is model, True)
    evaluation = dict(name="MNIST-evaluation", description="validating the MNIST model", owner="someone@kubeflow.org",
                      uri="gcs://my-bucket/mnist-eval.csv", data_set_id=data_set.id, model_id=model.id,
                      metrics_type=metadata.Metrics.VALIDATION, values={"accuracy": 0.95}, labels={"mylabel": "l1"})
    metrics = trainer.log_output(metadata.Metrics(**evaluation))
    check("ids are three numbers", len({int(a.id) for a in (data_set, model, metrics)}), 3)

    for artifact, arguments in ((data_set, data), (model, trained), (metrics, evaluation)):
        label, name = type(artifact).__name__, artifact.ARTIFACT_TYPE_NAME
        client.get_artifact(artifact.id, name)
        raw = client.client.api_client.last_response.data
        body = client.body()
        meta = json.loads(body["artifact"]["properties"].pop("__ALL_META__")["string_value"])
        names = TYPES[type(artifact)].split()
        check(label, body, {"artifact": {
            "id": artifact.id, "type_id": client.get_artifact_type(name).artifact_type.id, "uri": arguments["uri"],
            "properties": texts(create_time=artifact.create_time, **{k: v for k, v in arguments.items() if k in names}),
            "custom_properties": custom}})
        check(f"{label}, __ALL_META__", meta, {**vars(artifact), "id": None})
        check(f"{label}, signs as Go writes them", [sign for sign in "<>&" if sign in raw], [])
        check(f"list of {label}", workspace.list(name),
              [{**vars(artifact), "workspace": workspace.name, "run": run.name}])
        check(f"{label} in the list", [a.id for a in client.list_artifacts(name).artifacts].count(artifact.id), 1)
    check("list is of models", workspace.list(), workspace.list(MODEL))
    check("list of an unknown type", workspace.list("kubeflow.org/alpha/nothing"), [])

    # kfmd knows no model but those that it logged, so serving names it by an event.
    serving = metadata.Execution(name="serving model", workspace=workspace)
    check("an event", client.create_event(event(model.id, serving.id, "INPUT")), {})
    client.get_execution(serving.id, EXECUTION)
    check("serving", client.body(), {"execution": {
        "id": serving.id, "type_id": type_id, "custom_properties": texts(__kf_workspace__=workspace.name),
        "properties": texts(name="serving model", create_time=serving.create_time)}})
    check("executions", of_workspace(client.list_executions(EXECUTION).executions, workspace), {trainer.id, serving.id})

    # Events and lineage.
    found = client.list_events(trainer.id)
    check("events of training", triples(found.events), sorted([
        (trainer.id, data_set.id, "INPUT"), (trainer.id, model.id, "OUTPUT"), (trainer.id, metrics.id, "OUTPUT")]))
    check("artifacts of training", found.artifacts, {
        a.id: client.get_artifact(a.id, a.ARTIFACT_TYPE_NAME).artifact for a in (data_set, model, metrics)})
    check("executions of training", found.executions,
          {trainer.id: client.get_execution(trainer.id, EXECUTION).execution})
    for item in found.events:
        check("an event's time", begin <= int(item.milliseconds_since_epoch) <= time.time() * 1000, True)
    found = client.list_events2(model.id)
    check("an event's fields", {key for item in client.body()["events"] for key in item},
          {"artifact_id", "execution_id", "type", "milliseconds_since_epoch"})
    check("events of the model", triples(found.events), sorted([
        (trainer.id, model.id, "OUTPUT"), (serving.id, model.id, "INPUT")]))
    check("artifacts of the model", found.artifacts, {model.id: client.get_artifact(model.id, MODEL).artifact})
    check("executions of the model", found.executions, {
        e.id: client.get_execution(e.id, EXECUTION).execution for e in (trainer, serving)})
    makers = [e.execution_id for e in found.events if e.type == "OUTPUT"]
    origins = [found.artifacts[e.artifact_id] for found in map(client.list_events, makers)
               for e in found.events if e.type == "INPUT"]
    check("where the served model comes from", (makers, [(a.id, a.properties["version"]) for a in origins]),
          ([trainer.id], [(data_set.id, string(data["version"]))]))

    # Unlike the SDK that followed it, kfmd makes a new artifact each time.
    first = model.id
    serving.log_input(model)
    check("logged again", model.id != first, True)
    check("both are listed", sorted(item["id"] for item in workspace.list()), sorted([first, model.id]))
    other = metadata.Workspace(backend_url_prefix=workspace.backend_url_prefix, name=f"other {unique}")
    check("another workspace", other.list(), [])
    return trainer, first


def types(client, unique):
    """Types of one's own, and what is of them."""
    # A name may have anything in it; the client quotes all of it.
    name = f"example.com/100% ü+/{unique}"
    properties = {"i": "INT", "d": "DOUBLE", "s": "STRING"}
    before = len(client.list_artifact_types().artifact_types)
    made = client.create_artifact_type(api.MlMetadataArtifactType(name=name, properties=properties)).artifact_type
    check("artifact type", client.body(), {"artifact_type": {"id": made.id, "name": name, "properties": properties}})
    check("the same type again", client.create_artifact_type(
        api.MlMetadataArtifactType(name=name, properties=properties)).artifact_type, made)
    check("artifact type back", client.get_artifact_type(name).artifact_type, made)
    listed = client.list_artifact_types().artifact_types
    check("artifact types", (len(listed), listed.count(made)), (before + 1, 1))
    check("no artifacts", (client.list_artifacts(name).artifacts, client.body()), (None, {}))

    # What is put in comes out: whole numbers as strings, an empty string, a type_id is not looked at.
    artifact = client.create_artifact(name, api.MlMetadataArtifact(uri="gs://x", type_id=str(NO_ID), properties={
        "i": api.MlMetadataValue(int_value="9223372036854775807"), "d": api.MlMetadataValue(double_value=0.25),
        "s": string("")}, custom_properties={"n": api.MlMetadataValue(int_value=-7)})).artifact
    check("artifact", client.body(), {"artifact": {
        "id": artifact.id, "type_id": made.id, "uri": "gs://x",
        "properties": {"d": {"double_value": 0.25}, "i": {"int_value": "9223372036854775807"},
                       "s": {"string_value": ""}},
        "custom_properties": {"n": {"int_value": "-7"}}}})
    bare = client.create_artifact(name, {}).artifact
    check("bare artifact", client.body(), {"artifact": {"id": bare.id, "type_id": made.id, "uri": ""}})
    check("artifact back", client.get_artifact(artifact.id, name).artifact, artifact)
    check("an artifact by another type", client.get_artifact(artifact.id, MODEL).artifact, artifact)
    check("artifacts", by_id(client.list_artifacts(name).artifacts), [artifact, bare])
    for query in (name, f"artifact_types/{name}"):
        check(f"artifacts of {query}", by_id(client.list_artifacts2(name=query).artifacts), [artifact, bare])
    everything = client.list_artifacts2().artifacts
    check("all artifacts", by_id([a for a in everything if a.type_id == made.id]), [artifact, bare])
    check("all artifacts are of all types", {a.type_id for a in everything} >= {
        client.get_artifact_type(cls.ARTIFACT_TYPE_NAME).artifact_type.id for cls in TYPES}, True)

    kind = f"example.com/step {unique}"
    before = len(client.list_execution_types().execution_types)
    struct = api.MlMetadataArtifactStructType
    inputs = struct(any={})
    outputs = struct(dict=api.MlMetadataDictArtifactStructType(
        properties={"m": struct(simple=api.MlMetadataArtifactType(name=MODEL))}, none_type_not_required=True))
    step = client.create_execution_type(api.MlMetadataExecutionType(
        name=kind, properties=properties, input_type=inputs, output_type=outputs)).execution_type
    check("execution type", client.body(), {"execution_type": {
        "id": step.id, "name": kind, "properties": properties, "input_type": {"any": {}}, "output_type": {"dict": {
            "properties": {"m": {"simple": {"name": MODEL}}}, "none_type_not_required": True}}}})
    check("execution type back", client.get_execution_type(kind).execution_type, step)
    listed = client.list_execution_types().execution_types
    check("execution types", (len(listed), listed.count(step)), (before + 1, 1))
    check("no executions", (client.list_executions(kind).executions, client.body()), (None, {}))
    execution = client.create_execution(kind, api.MlMetadataExecution(
        type_id=str(NO_ID), last_known_state="RUNNING", properties={"s": string("x")},
        custom_properties={"n": api.MlMetadataValue(double_value=-1.5)})).execution
    check("execution", client.body(), {"execution": {
        "id": execution.id, "type_id": step.id, "last_known_state": "RUNNING",
        "properties": {"s": {"string_value": "x"}}, "custom_properties": {"n": {"double_value": -1.5}}}})
    check("execution back", client.get_execution(execution.id, kind).execution, execution)
    check("executions", client.list_executions(kind).executions, [execution])
    for query in (kind, f"execution_types/{kind}"):
        check(f"executions of {query}", client.list_executions2(name=query).executions, [execution])
    everything = client.list_executions2().executions
    check("all executions", [e for e in everything if e.type_id == step.id], [execution])
    check("all executions are of all types",
          client.get_execution_type(EXECUTION).execution_type.id in {e.type_id for e in everything}, True)

    # An event with all that it may have.
    path = api.EventPath(steps=[api.PathStep(key="k"), api.PathStep(index="3")])
    check("a whole event", client.create_event(event(
        bare.id, execution.id, "DECLARED_OUTPUT", path=path, milliseconds_since_epoch="1234567890123")), {})
    for label, found in (("artifact", client.list_events2(bare.id)), ("execution", client.list_events(execution.id))):
        check(f"events of the {label}", client.body(), {
            "events": [{"artifact_id": bare.id, "execution_id": execution.id, "type": "DECLARED_OUTPUT",
                        "path": {"steps": [{"key": "k"}, {"index": "3"}]},
                        "milliseconds_since_epoch": "1234567890123"}],
            "artifacts": {bare.id: {"id": bare.id, "type_id": made.id, "uri": ""}},
            "executions": {execution.id: client.client.api_client.sanitize_for_serialization(execution)}})
        check(f"the event of the {label}", [e.path for e in found.events or ()], [path])
    check("no events", (client.list_events2(artifact.id).events, client.body()), (None, {}))
    for call in (client.list_events, client.list_events2):
        check("events of nothing", (call(str(NO_ID)).events, client.body()), (None, {}))

    # kfmd has no method to update a type, but may send one.
    def patch(path, **body):
        return client.client.api_client.call_api(f"/api/v1alpha1/{path}", "PATCH", body=body, response_type="object",
                                                 _return_http_data_only=True)

    more = {**properties, "new": "STRING"}
    check("artifact type with more", patch("artifact_types", name=name, properties=more),
          {"artifact_type": {"id": made.id, "name": name, "properties": more}})
    check("artifact type now", client.get_artifact_type(name).artifact_type.properties, more)
    found = patch("execution_types", name=kind, properties=more)
    check("execution type with more", found["execution_type"]["properties"], more)
    refused("artifact type with less", "Type already exists with different properties.*",
            lambda: patch("artifact_types", name=name, properties=properties))
    refused("artifact type with other kinds", "Type already exists with different properties.*",
            lambda: patch("artifact_types", name=name, properties={**more, "i": "STRING"}))
    return name, kind, artifact, execution


def refusals(client, name, kind, artifact, execution, unique):
    """All that is not taken, and that it changes nothing."""
    def all_there_is():
        return [by_id(items) for items in (
            client.list_artifacts2().artifacts, client.list_executions2().executions,
            client.list_artifact_types().artifact_types, client.list_execution_types().execution_types)]

    before = all_there_is()
    refused("delete an artifact", "not implemented error: DeleteArtifact",
            lambda: client.delete_artifact(artifact.id, name))
    refused("delete an artifact type", "not implemented error: DeleteArtifactType",
            lambda: client.delete_artifact_type(name))
    refused("delete an execution", "not implemented error: DeleteExecution",
            lambda: client.delete_execution(execution.id, kind))
    refused("delete an execution type", "not implemented error: DeleteExecutionType",
            lambda: client.delete_execution_type(kind))

    # Types.
    for label, create, cls in (("artifact", client.create_artifact_type, api.MlMetadataArtifactType),
                               ("execution", client.create_execution_type, api.MlMetadataExecutionType)):
        own = name if label == "artifact" else kind
        refused(f"{label} type without a name", r".*No type name is specified\..*", lambda: create({}))
        refused(f"{label} type, a property unknown", r".*Property '?zz'? is UNKNOWN\..*",
                lambda: create(cls(name=f"bad {unique}", properties={"zz": "UNKNOWN"})))
        refused(f"{label} type with fewer properties", "Type already exists with different properties.*",
                lambda: create(cls(name=own, properties={"i": "INT"})))
        refused(f"{label} type, no such kind", '.*unknown value \\\\?"FLOAT\\\\?" for enum ml_metadata.PropertyType.*',
                lambda: create(cls(name=f"bad {unique}", properties={"i": "FLOAT"})), 400)
        refused(f"{label} type, a list", ".+", lambda: create([1]), 400)
    refused("get an unknown artifact type", ".+", lambda: client.get_artifact_type(f"bad {unique}"))
    refused("get an unknown execution type", ".+", lambda: client.get_execution_type(f"bad {unique}"))
    refused("get an artifact type, slash at its end", ".+", lambda: client.get_artifact_type(f"{name}/"))

    # Artifacts and executions.
    for label, create, cls, own in (("Artifact", client.create_artifact, api.MlMetadataArtifact, name),
                                    ("Execution", client.create_execution, api.MlMetadataExecution, kind)):
        refused(f"{label} with an id", f"id should remain unspecified when creating {label}",
                lambda: create(own, cls(id="1")))
        refused(f"{label} of an unknown type",
                f'failed to resolve {label}Type under "{label.lower()}_types/bad {unique}": .+',
                lambda: create(f"bad {unique}", cls()))
        refused(f"{label} with an unknown property", r".*Found unknown property: zz.*",
                lambda: create(own, cls(properties={"zz": string("x")})))
        refused(f"{label} with another kind of property", r".*Found unmatched property type: i.*",
                lambda: create(own, cls(properties={"i": string("x")})))
        refused(f"{label} with no number", ".+",
                lambda: create(own, cls(properties={"i": api.MlMetadataValue(int_value="x")})), 400)
    for label, get, own in (("artifact", client.get_artifact, name), ("execution", client.get_execution, kind)):
        pattern = re.escape(f'Must match pattern "{label}_types/.*/{label}s/([0-9]+)"')
        refused(f"get an {label} by name", f'malformed {label.capitalize()} name ".*/{label}s/x"[.] {pattern}',
                lambda: get("x", own))
    refused("get no artifact", r"internal error: expecting single new Artifact id, got instead : \[\]",
            lambda: client.get_artifact(str(NO_ID), name))
    refused("get no execution", r"internal error: expecting single Execution, got instead : \[\]",
            lambda: client.get_execution(str(NO_ID), kind))
    refused("get an artifact beyond int64",
            'failed to parse Artifact id from "9{20}" : strconv.ParseInt: .*value out of range',
            lambda: client.get_artifact("9" * 20, name))
    check("lists of unknown types", [client.list_artifacts("nope").artifacts, client.list_executions("nope").executions,
                                     client.list_artifacts2(name="nope").artifacts,
                                     client.list_executions2(name="nope").executions], [None] * 4)

    # Events.
    put = client.create_event
    refused("event without an artifact", r".*No artifact id is specified\..*",
            lambda: put(event(execution_id=execution.id, kind="INPUT")))
    refused("event without an execution", r".*No execution id is specified\..*",
            lambda: put(event(artifact_id=artifact.id, kind="INPUT")))
    refused("event of no artifact", f".*No artifact with the given id {NO_ID}.*",
            lambda: put(event(str(NO_ID), execution.id, "INPUT")))
    refused("event of no execution", f".*No execution with the given id {NO_ID}.*",
            lambda: put(event(artifact.id, str(NO_ID), "INPUT")))
    refused("event without a type", r".*No event type is specified\..*", lambda: put(event(artifact.id, execution.id)))
    refused("event of a type unknown", '.*unknown value \\\\?"NOPE\\\\?" for enum ml_metadata.Event.*',
            lambda: put(event(artifact.id, execution.id, "NOPE")), 400)
    check("an event", put(event(artifact.id, execution.id, "INPUT")), {})
    refused("the event again", ".*Given event already exists: .*",
            lambda: put(event(artifact.id, execution.id, "INPUT")))
    check("one event", triples(client.list_events2(artifact.id).events), [(execution.id, artifact.id, "INPUT")])
    for call in (client.list_events, client.list_events2):
        refused("events of a name", 'failed to parse Artifact id from ".*x": strconv.ParseInt: .*', lambda: call("x"))

    check("nothing has changed", all_there_is(), before)


def http(client, name):
    _, status, headers = client.client.get_artifact_type_with_http_info(name)
    check("headers", (status, headers.get("Content-Type"), headers.get("Grpc-Metadata-Content-Type")),
          (200, "application/json", "application/grpc"))
    call = client.client.api_client.call_api
    not_served("no such path", 404, "Not Found\n", lambda: call("/api/v1alpha1/contexts", "GET"))
    not_served("no such verb", 405, "Method Not Allowed\n",
               lambda: call("/api/v1alpha1/artifact_types", "PUT", body={"name": "x"}))
    not_served("no deletion of all", 405, "Method Not Allowed\n", lambda: call("/api/v1alpha1/artifacts", "DELETE"))


def main():
    unique = str(uuid.uuid4())
    # The prefix has no scheme, as in Kubeflow's examples.
    workspace = metadata.Workspace(
        backend_url_prefix=f"{sys.argv[1]}:{sys.argv[2]}", name=f"workspace {unique}",
        description="a workspace for testing", labels={"n1": "v1"})
    client = workspace.client = Noted(workspace.client)
    predefined(client)
    flow(client, workspace, unique)
    name, kind, artifact, execution = types(client, unique)
    refusals(client, name, kind, artifact, execution, unique)
    http(client, name)
    every = {method for method in dir(api.MetadataServiceApi)
             if not method.startswith("_") and not method.endswith("_with_http_info")}
    check("methods that were not called", every - client.called, set())

    if failed:
        sys.exit(f"{failed} of {passed + failed} checks failed")
    print(f"{passed} checks passed")


if __name__ == "__main__":
    main()
