"""Goes through Kubeflow's demo notebook with the kubeflow-metadata SDK, and looks at all that it left.

    kubeflow_metadata_flow.py HOST PORT

The server has the predefined types. Names are new in each run, so that a store may be used again.
"""

import json
import sys
import time
import uuid

from kubeflow.metadata import metadata
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as m

Subgraph = m.LineageSubgraphQueryOptions
TYPES = {
    metadata.DataSet: "create_time description name owner query version",
    metadata.Model: "create_time description model_type name owner version",
    metadata.Metrics: "create_time data_set_id description metrics_type model_id name owner version",
}
EXECUTION_TYPE = "create_time description executable_id name owner"
EXECUTION = metadata.Execution.EXECUTION_TYPE_NAME
passed, failed = 0, 0


def check(label, found, expected):
    global passed, failed
    if found == expected:
        passed += 1
    else:
        failed += 1
        print(f"{label}:\n  found    {found}\n  expected {expected}")


def strings(names):
    return {name: m.STRING for name in names.split()}


def values(properties):
    """Properties as a dictionary; what is no string stays a message."""
    return {key: value.string_value if value.WhichOneof("value") == "string_value" else value
            for key, value in properties.items()}


def refusal(call):
    try:
        return f"answered {call()}"
    except ValueError as error:
        return str(error)


def types(store):
    """The predefined types; gives the ids of those of artifacts."""
    ids = {}
    for cls, names in TYPES.items():
        found = store.get_artifact_type(cls.ARTIFACT_TYPE_NAME)
        check(cls.ARTIFACT_TYPE_NAME, dict(found.properties), strings(names + " __ALL_META__"))
        ids[cls] = found.id
    found = store.get_execution_type(EXECUTION)
    check(EXECUTION, dict(found.properties), strings(EXECUTION_TYPE + " __ALL_META__"))
    return ids


def stored_artifact(store, type_id, artifact, arguments, uri, workspace, run, begin):
    """An artifact as it is in the store, every field of it."""
    label = f"stored {type(artifact).__name__}"
    found, = store.get_artifacts_by_id([artifact.id])
    check(label, (found.id, found.type_id, found.type, found.uri),
          (artifact.id, type_id, artifact.ARTIFACT_TYPE_NAME, uri))
    names = TYPES[type(artifact)].split()
    properties = {key: value for key, value in arguments.items() if key in names}
    properties["create_time"] = artifact.create_time
    found_properties = values(found.properties)
    meta = json.loads(found_properties.pop("__ALL_META__", "null"))
    check(f"{label}, properties", found_properties, properties)
    extra = {key: value for key, value in arguments.items() if key not in vars(artifact)}
    check(f"{label}, __ALL_META__", meta, {**vars(artifact), "id": None, "workspace": None, "kwargs": extra})
    check(f"{label}, custom properties", values(found.custom_properties),
          {"__kf_workspace__": workspace.name, "__kf_run__": run.name})
    check(f"{label}, other fields", [field.name for field, _ in found.ListFields()],
          ["id", "type_id", "uri", "properties", "custom_properties", "type", "create_time_since_epoch",
           "last_update_time_since_epoch"])
    check(f"{label}, time", begin <= found.create_time_since_epoch <= time.time() * 1000, True)
    check(f"{label}, contexts", [c.id for c in store.get_contexts_by_artifact(artifact.id)], [workspace.context_id])
    check(f"{label}, by uri", found in store.get_artifacts_by_uri(uri), True)
    check(f"{label}, by type", found in store.get_artifacts_by_type(artifact.ARTIFACT_TYPE_NAME), True)


def stored_execution(store, execution, workspace, run):
    label = f"stored execution {execution.name}"
    found, = store.get_executions_by_id([execution.id])
    check(label, (found.id, found.type, found.type_id),
          (execution.id, EXECUTION, store.get_execution_type(EXECUTION).id))
    check(f"{label}, properties", values(found.properties),
          {"name": execution.name, "create_time": execution.create_time, "description": execution.description})
    custom = {"__kf_workspace__": workspace.name}
    if run is not None:
        custom["__kf_run__"] = run.name
    check(f"{label}, custom properties", values(found.custom_properties), custom)
    check(f"{label}, state", found.HasField("last_known_state"), False)
    check(f"{label}, contexts", [c.id for c in store.get_contexts_by_execution(execution.id)], [workspace.context_id])


def events(found):
    return sorted((event.execution_id, event.artifact_id, m.Event.Type.Name(event.type)) for event in found)


def listed(arguments, artifact, workspace, run):
    """What Workspace.list shows of an artifact. What is no property of its type comes from __ALL_META__."""
    extra = {key: value for key, value in arguments.items() if key not in vars(artifact)}
    plain = {key: arguments.get(key) for key in vars(artifact)}
    return {**plain, "id": artifact.id, "workspace": workspace.name, "run": run.name,
            "create_time": artifact.create_time, "kwargs": extra}


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    begin = int(time.time() * 1000) - 1
    store = MetadataStore(m.MetadataStoreClientConfig(host=host, port=port))
    ids = types(store)
    unique = str(uuid.uuid4())

    # The workspace is a context, of a type that the SDK makes.
    sdk = metadata.Store(grpc_host=host, grpc_port=port)
    workspace = metadata.Workspace(
        store=sdk, name=f"workspace {unique}", description="a workspace for testing", labels={"n1": "v1"})
    context, = store.get_contexts_by_id([workspace.context_id])
    check("context", (context.name, context.type, values(context.properties), dict(context.custom_properties)),
          (workspace.name, "kubeflow.org/alpha/workspace",
           {"description": "a workspace for testing", "labels": '{"n1": "v1"}'}, {}))
    check("context type", dict(store.get_context_type("kubeflow.org/alpha/workspace").properties),
          strings("description labels"))
    check("the workspace again", metadata.Workspace(store=sdk, name=workspace.name).context_id, workspace.context_id)
    check("the workspace anew", refusal(
        lambda: metadata.Workspace(store=sdk, name=workspace.name, reuse_workspace_if_exists=False)),
          f"Workspace name {workspace.name} already exists with id {workspace.context_id}. You can initialize "
          "workspace with reuse_workspace_if_exists=True if want to reuse it")
    check("the context is as it was", list(store.get_contexts_by_id([workspace.context_id])), [context])
    for cls in TYPES:
        check(f"no {cls.__name__} yet", workspace.list(cls.ARTIFACT_TYPE_NAME), [])

    # Training, as in the notebook.
    run = metadata.Run(workspace=workspace, name=f"run {unique}", description="a run")
    trainer = metadata.Execution(name="training", workspace=workspace, run=run, description="execution example")
    data = dict(name="mytable-dump", description="an example data", owner="owner@my-company.org",
                uri="file://path/to/dataset", version=f"data_set_version_{unique}", query="SELECT * FROM mytable",
                rows=3)
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
                      uri="gcs://my-bucket/mnist-eval.csv", data_set_id=str(data_set.id), model_id=str(model.id),
                      metrics_type=metadata.Metrics.VALIDATION, values={"accuracy": 0.95}, labels={"mylabel": "l1"})
    metrics = trainer.log_output(metadata.Metrics(**evaluation))
    check("ids are three", len({data_set.id, model.id, metrics.id} - {None}), 3)
    for artifact, arguments in ((data_set, data), (model, trained), (metrics, evaluation)):
        stored_artifact(store, ids[type(artifact)], artifact, arguments, arguments["uri"], workspace, run, begin)

    # Serving finds the model by its name, version and uri, and takes nothing from it or away.
    before = store.get_artifacts_by_id([model.id])
    serving = metadata.Execution(
        name="serving model", workspace=workspace, description="an execution to represent model serving component")
    served = serving.log_input(metadata.Model(name="MNIST", uri=trained["uri"], version=model.version))
    check("the model is found", (served.id, served.name, served.version), (model.id, "MNIST", model.version))
    check("the model is as it was", store.get_artifacts_by_id([model.id]), before)
    stored_execution(store, trainer, workspace, run)
    stored_execution(store, serving, workspace, None)

    # Lists.
    check("models", workspace.list(), [listed(trained, model, workspace, run)])
    for artifact, arguments in ((data_set, data), (model, trained), (metrics, evaluation)):
        check(f"list of {type(artifact).__name__}", workspace.list(artifact.ARTIFACT_TYPE_NAME),
              [listed(arguments, artifact, workspace, run)])
    check("list of an unknown type", workspace.list("kubeflow.org/alpha/nothing"), [])
    check("artifacts of the workspace", sorted(a.id for a in store.get_artifacts_by_context(workspace.context_id)),
          sorted([data_set.id, model.id, metrics.id]))
    executions = store.get_executions_by_context(workspace.context_id)
    check("executions of the workspace", sorted(e.id for e in executions), sorted([trainer.id, serving.id]))
    mine = [e for e in store.get_executions_by_type(EXECUTION)
            if e.custom_properties["__kf_workspace__"].string_value == workspace.name]
    check("executions by type", sorted(e.id for e in mine), sorted([trainer.id, serving.id]))
    check("runs", [(e.id, e.custom_properties["__kf_run__"].string_value) for e in mine
                   if "__kf_run__" in e.custom_properties], [(trainer.id, run.name)])

    # Events and lineage.
    trainer_events = workspace.store.get_events_by_execution_ids([trainer.id])
    check("events of training", events(trainer_events), sorted(
        [(trainer.id, data_set.id, "INPUT"), (trainer.id, model.id, "OUTPUT"), (trainer.id, metrics.id, "OUTPUT")]))
    model_events = workspace.store.get_events_by_artifact_ids([model.id])
    check("events of the model", events(model_events), sorted(
        [(trainer.id, model.id, "OUTPUT"), (serving.id, model.id, "INPUT")]))
    for event in list(trainer_events) + list(model_events):
        check("time of an event", begin <= event.milliseconds_since_epoch <= time.time() * 1000, True)
        check("path of an event", event.HasField("path"), False)
    inputs = [e.artifact_id for e in store.get_events_by_execution_ids([serving.id]) if e.type == m.Event.INPUT]
    makers = [e.execution_id for e in store.get_events_by_artifact_ids(inputs) if e.type == m.Event.OUTPUT]
    origins = [e.artifact_id for e in store.get_events_by_execution_ids(makers) if e.type == m.Event.INPUT]
    versions = [a.properties["version"].string_value for a in store.get_artifacts_by_id(origins)]
    check("where the served model comes from", (inputs, makers, origins, versions),
          ([model.id], [trainer.id], [data_set.id], [data_set.version]))
    options = Subgraph(direction=Subgraph.UPSTREAM, max_num_hops=20)
    options.starting_executions.filter_query = f"id = {serving.id}"
    graph = store.get_lineage_subgraph(options)
    check("upstream of serving", (sorted(a.id for a in graph.artifacts), sorted(e.id for e in graph.executions),
                                  events(graph.events)),
          (sorted([data_set.id, model.id]), sorted([trainer.id, serving.id]),
           sorted([(serving.id, model.id, "INPUT"), (trainer.id, model.id, "OUTPUT"),
                   (trainer.id, data_set.id, "INPUT")])))

    # What is the same artifact, and what is another.
    same = dict(name="MNIST", uri=trained["uri"], version=model.version)
    other = metadata.Workspace(store=sdk, name=f"other {unique}")
    check("another workspace", other.context_id != workspace.context_id, True)
    elsewhere = metadata.Execution(name="elsewhere", workspace=other)
    foreign = elsewhere.log_input(metadata.Model(**same))
    check("another workspace, another model", foreign.id not in (None, model.id), True)
    check("a model with an id is taken as it is", elsewhere.log_output(metrics).id, metrics.id)
    check("events across workspaces", events(store.get_events_by_execution_ids([elsewhere.id])), sorted(
        [(elsewhere.id, foreign.id, "INPUT"), (elsewhere.id, metrics.id, "OUTPUT")]))
    again = metadata.Execution(name="again", workspace=workspace)
    found = {key: again.log_output(metadata.Model(**{**same, **change})).id for key, change in (
        ("same", {}), ("version", {"version": "v2"}), ("name", {"name": "other"}), ("uri", {"uri": "gcs://other"}),
        ("no version", {"version": None}))}
    check("the same model", found.pop("same"), model.id)
    check("other models", len({model.id, foreign.id, *found.values()}), 6)
    check("a data set is found, too", again.log_input(metadata.DataSet(
        name=data["name"], uri=data["uri"], version=data["version"])).id, data_set.id)
    check("metrics are always new", again.log_output(metadata.Metrics(**evaluation)).id not in (None, metrics.id), True)
    check("models now", sorted(item["id"] for item in workspace.list()), sorted([model.id, *found.values()]))
    check("models of the other workspace",
          [(item["id"], item.get("run"), item["description"]) for item in other.list()], [(foreign.id, None, None)])
    gone = metadata.Model(**same)
    gone.id = 2**40
    check("a model with an unknown id", refusal(lambda: again.log_input(gone)),
          f"invalid artifact id {2**40}: artifacts with this id: []")

    if failed:
        sys.exit(f"{failed} of {passed + failed} checks failed")
    print(f"{passed} checks passed")


if __name__ == "__main__":
    main()
