"""Opens a store file with the original library, in process, and writes to it; or makes one.

    same_file.py read FILE     prints artifacts, executions, contexts and events in numbers
    same_file.py write FILE    adds an artifact named from-the-wheel
"""

import sys

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as m


def main():
    config = m.ConnectionConfig()
    config.sqlite.filename_uri = sys.argv[2]
    config.sqlite.connection_mode = m.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = MetadataStore(config)
    if sys.argv[1] == "write":
        kind = store.put_artifact_type(m.ArtifactType(name="wheel.Type", properties={"p": m.DOUBLE}))
        artifact = m.Artifact(type_id=kind, uri="from-the-wheel", name="from-the-wheel")
        artifact.properties["p"].double_value = 0.5
        store.put_artifacts([artifact])
    executions = store.get_executions()
    events = store.get_events_by_execution_ids([item.id for item in executions])
    print(len(store.get_artifacts()), len(executions), len(store.get_contexts()), len(events))


if __name__ == "__main__":
    main()
