"""A store with what somebody hostile would write, in every field that takes a text."""

import itertools

from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s
from ml_metadata.proto import metadata_store_service_pb2_grpc as service

MARK = "<x-hit></x-hit><script>window.__hit=1</script>"
# Each has "hit" in it, so that a search finds them all.
TEXTS = [
    f"hit {MARK}",
    f"hit\"'><img src=x onerror=window.__hit=2>{MARK}",
    "hit' autofocus onfocus='window.__hit=3' x='",
    f"hit</title></script></style></textarea></option></select></svg>{MARK}",
    "javascript:window.__hit=4//hit",
    "data:text/html,hit<script>parent.__hit=5</script>",
    'https://hit.example/"onmouseover="window.__hit=6"x="',
    "https://hit.example/'><svg onload=window.__hit=7>",
    "hit \u202egnp.exe\u2066 \u2067\u202d",
    "hit&lt;script&gt;window.__hit=8&lt;/script&gt;&#x3c;x-hit&#x3e;{{7*7}}${7*7}",
    "hit\x1b[31m\x07\x7f\r\n\t\u2028\u0000\ufeff=1+1",
    "hit" + "\u0301" * 600 + "\U0001f469\u200d\U0001f52c" * 40,
    "hit" + "W" * 3000,
    "hit " + "word " * 700,
]
# Those that an address can hold.
SHORT = [text for text in TEXTS if len(text) < 300]
# Where what comes from an address is shown.
REFLECTED = [
    "/?filter={}", "/?type={}", "/?workspace={}", "/?state={}", "/?order={}", "/?from={}", "/?cols={}&props={}",
    "/?group={}", "/?page={}", "/?back={}", "/?run={}", "/search?q={}", "/numbers?name={}", "/compare?kind={}&id=1",
    "/compare?runs={}", "/lineage?artifact={}", "/lineage?artifact=1&hide={}&open={}&up={}",
    "/impact?artifact=1&only={}", "/artifacts/{}", "/runs/{}", "/runs/1?filter={}",
]  # fmt: skip


def fill(own):
    """Puts each of the texts everywhere, with and without the times and the state that make a node look as usual."""
    stub = service.MetadataStoreServiceStub(own.channel())
    run_type = m.ContextType(name="kubeflow.org/alpha/run")
    run_type = stub.PutContextType(s.PutContextTypeRequest(context_type=run_type)).type_id
    workspace_type = m.ContextType(name="kubeflow.org/alpha/workspace")
    workspace_type = stub.PutContextType(s.PutContextTypeRequest(context_type=workspace_type)).type_id
    for index, (text, is_usual) in enumerate(itertools.product(TEXTS, (True, False))):
        known = (
            "name display_name run_id pipeline_name pipeline pod_name kfp_pod_name namespace __kf_workspace__ "
            "__kf_run__ create_time version digest state message start_time end_time produced_time owner description "
            "query __kfmd_evidence__ __kfmd_problems__ __ALL_META__ declared_type written_uri reason exit_code attempt"
        ).split()
        values = {name: m.Value(string_value=text) for name in known}
        # A name of a property has at most 4 KiB, as that of a type.
        for name in (text, f"input:{text}", f"output:{text}"):
            values[name] = m.Value(string_value=text)
        values["struct"] = m.Value()
        values["struct"].struct_value.update({text: [text, {text: text}]})
        values[f"values.{text}"] = m.Value(double_value=index / 7)
        if is_usual:
            usual = {
                "start_time": f"2026-11-0{index % 9 + 1}T02:00:00Z", "end_time": f"2026-11-0{index % 9 + 1}T02:30:00Z",
                "produced_time": f"2026-11-0{index % 9 + 1}T02:29:00Z", "state": "COMPLETE",
            }  # fmt: skip
            values |= {name: m.Value(string_value=value) for name, value in usual.items()}
        artifact_type = m.ArtifactType(name=text, properties={text: m.STRING, "owner": m.STRING})
        execution_type = m.ExecutionType(name=text, properties={text: m.STRING})
        artifact_type = stub.PutArtifactType(s.PutArtifactTypeRequest(artifact_type=artifact_type)).type_id
        execution_type = stub.PutExecutionType(s.PutExecutionTypeRequest(execution_type=execution_type)).type_id
        artifacts = stub.PutArtifacts(
            s.PutArtifactsRequest(
                artifacts=[
                    m.Artifact(
                        type_id=artifact_type, name=f"{text}{index}.{n}", uri=text, external_id=f"{text}{index}.{n}",
                        properties={text: m.Value(string_value=text)}, custom_properties=values,
                    )
                    for n in range(2)
                ]
            )
        ).artifact_ids  # fmt: skip
        states = [m.Execution.FAILED, m.Execution.RUNNING, m.Execution.COMPLETE]
        serving = {"serving": m.Value(int_value=1)}
        executions = stub.PutExecutions(
            s.PutExecutionsRequest(
                executions=[
                    m.Execution(
                        type_id=execution_type, name=f"{text}{index}.{n}", external_id=f"{text}{index}.{n}",
                        last_known_state=state, custom_properties=values | (serving if n == 1 else {}),
                    )
                    for n, state in enumerate(states)
                ]
            )
        ).execution_ids  # fmt: skip
        run, workspace = stub.PutContexts(
            s.PutContextsRequest(
                contexts=[
                    m.Context(
                        type_id=run_type, name=f"{text}{index}", external_id=f"{text}{index}", custom_properties=values
                    ),
                    m.Context(type_id=workspace_type, name=f"{text}{index}", custom_properties=values),
                ]
            )
        ).context_ids
        links = s.PutAttributionsAndAssociationsRequest(
            attributions=[m.Attribution(artifact_id=a, context_id=c) for a in artifacts for c in (run, workspace)],
            associations=[m.Association(execution_id=e, context_id=c) for e in executions for c in (run, workspace)],
        )
        stub.PutAttributionsAndAssociations(links)
        parents = [m.ParentContext(child_id=run, parent_id=workspace)]
        stub.PutParentContexts(s.PutParentContextsRequest(parent_contexts=parents))
        path = m.Event.Path(steps=[m.Event.Path.Step(key=text)])
        ends = [(0, 0, m.Event.OUTPUT), (0, 1, m.Event.INPUT), (1, 2, m.Event.OUTPUT), (1, 0, m.Event.INPUT)]
        events = [
            m.Event(artifact_id=artifacts[a], execution_id=executions[e], type=kind, path=path,
                    milliseconds_since_epoch=1 << 60 if index % 5 == 0 else 1_800_000_000_000)
            for a, e, kind in ends
        ]  # fmt: skip
        stub.PutEvents(s.PutEventsRequest(events=events))
