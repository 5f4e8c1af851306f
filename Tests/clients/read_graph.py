"""Prints the graph that a server has, as the ml-metadata client reads it: a line an edge, sorted. It may grow
meanwhile: what is not linked yet is printed as such.

    read_graph.py HOST:PORT
"""

import sys

from ml_metadata import MetadataStore, errors
from ml_metadata.proto import metadata_store_pb2 as m


def text(node, name):
    return node.custom_properties[name].string_value


def contexts_of(store, execution):
    try:
        return sorted(f"{c.type}={c.name}" for c in store.get_contexts_by_execution(execution.id))
    except errors.NotFoundError:
        return []


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    store = MetadataStore(m.MetadataStoreClientConfig(host=host, port=int(port)))
    executions = {item.id: item for item in store.get_executions()}
    lines = []
    for execution in executions.values():
        state = m.Execution.State.Name(execution.last_known_state)
        contexts = contexts_of(store, execution)
        lines.append(f"execution {text(execution, 'run_id')} {text(execution, 'name')} {state} in {contexts}")
    events = store.get_events_by_execution_ids(list(executions))
    artifacts = {item.id: item for item in store.get_artifacts()}
    for event in events:
        execution, artifact = executions[event.execution_id], artifacts[event.artifact_id]
        kind = m.Event.Type.Name(event.type)
        lines.append(
            f"event {text(execution, 'run_id')} {text(execution, 'name')} {kind} {event.path.steps[0].key}: "
            f"{artifact.type} {text(artifact, 'name')} {artifact.uri}")
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main()
