"""Files of older schema versions: the original makes them, kfmd migrates them, and so does the original.

    older_schemas.py KFMD FOLDER [FILE...]

The original library (ml-metadata) fills a store and downgrades copies of it to each schema version.
`kfmd serve` opens each; rows, columns and what the original then reads must be those of a copy that
the original itself migrated. FILEs are further old stores, compared in the same way.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

from ml_metadata import MetadataStore
from ml_metadata.metadata_store.metadata_store import downgrade_schema
from ml_metadata.proto import metadata_store_pb2 as m

TABLES = (
    "Type TypeProperty ParentType Artifact ArtifactProperty Execution ExecutionProperty Event EventPath "
    "Context ContextProperty ParentContext Association Attribution MLMDEnv"
).split()


def config(path):
    result = m.ConnectionConfig()
    result.sqlite.filename_uri = path
    result.sqlite.connection_mode = m.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return result


def fill(path):
    store = MetadataStore(config(path))
    data = m.ArtifactType(name="Data", version="2", description="rows", base_type=m.ArtifactType.DATASET)
    for name, kind in (("rows", m.INT), ("share", m.DOUBLE), ("split", m.STRING), ("schema", m.STRUCT)):
        data.properties[name] = kind
    data = store.put_artifact_type(data)
    plain = store.put_artifact_type(m.ArtifactType(name="Plain"))
    train = m.ExecutionType(name="Train", base_type=m.ExecutionType.TRAIN, properties={"steps": m.INT})
    train.input_type.any.SetInParent()
    train = store.put_execution_type(train)
    run = store.put_context_type(m.ContextType(name="Run", properties={"owner": m.STRING}))

    artifacts = []
    for number in range(40):
        artifact = m.Artifact(type_id=data if number % 3 else plain, uri=f"s3://bucket/{number}", state=m.Artifact.LIVE)
        if number % 2:
            artifact.name = f"artifact-{number}"
        if number % 3:
            artifact.properties["rows"].int_value = number << 40
            artifact.properties["share"].double_value = number / 8
            artifact.properties["split"].string_value = "it's a \"quote\"\nä"
        artifact.custom_properties["note"].string_value = "" if number % 5 else "x" * 3000
        artifacts.append(artifact)
    artifacts = store.put_artifacts(artifacts)
    contexts = store.put_contexts(
        [m.Context(type_id=run, name=name, properties={"owner": m.Value(string_value=name)}) for name in "abc"]
    )
    executions = store.put_executions(
        [
            m.Execution(type_id=train, last_known_state=m.Execution.COMPLETE, properties={"steps": m.Value(int_value=n)})
            for n in range(20)
        ]
    )
    events = []
    for number, execution in enumerate(executions):
        for artifact, kind in ((artifacts[number], m.Event.INPUT), (artifacts[number + 20], m.Event.OUTPUT)):
            event = m.Event(artifact_id=artifact, execution_id=execution, type=kind, milliseconds_since_epoch=number + 1)
            event.path.steps.add().key = "port"
            event.path.steps.add().index = number
            events.append(event)
    store.put_events(events)
    store.put_attributions_and_associations(
        [m.Attribution(artifact_id=artifact, context_id=contexts[0]) for artifact in artifacts],
        [m.Association(execution_id=execution, context_id=contexts[1]) for execution in executions],
    )
    store.put_parent_contexts([m.ParentContext(child_id=contexts[0], parent_id=contexts[2])])


def duplicate_events(path):
    """Before version 8 the same event could be stored twice."""
    database = sqlite3.connect(path)
    database.execute(
        "INSERT INTO Event (artifact_id, execution_id, type, milliseconds_since_epoch)"
        " SELECT artifact_id, execution_id, type, 99 FROM Event WHERE id < 4"
    )
    database.execute("INSERT INTO EventPath SELECT MAX(id), 1, 7, NULL FROM Event")
    database.commit()
    database.close()


def content(path):
    """Columns, indexes and rows. The ids of events stay; the order of columns does not matter."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    result = {}
    for table in TABLES:
        info = database.execute(f"PRAGMA table_info({table})").fetchall()
        result[f"columns of {table}"] = [column[1:] for column in info]
        result[f"rows of {table}"] = sorted(map(repr, database.execute(f"SELECT * FROM {table}")))
    result["indexes"] = sorted(
        (name, re.sub(r"\s+", " ", sql.replace("`", "").replace('"', "").replace("IF NOT EXISTS ", "")).replace(" (", "("))
        for name, sql in database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL AND name NOT LIKE 'kfmd%'")
    )
    result["integrity"] = database.execute("PRAGMA integrity_check").fetchall()
    database.close()
    return result


def dump(path):
    database = sqlite3.connect(path)
    lines = [repr(row) for row in database.execute("SELECT name, sql FROM sqlite_master ORDER BY name")]
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        lines += sorted(repr(row) for row in database.execute(f'SELECT * FROM "{table}"'))
    database.close()
    return lines


def serve_once(kfmd, path):
    """Opens a store with kfmd serve, and stops it; what it logged."""
    process = subprocess.Popen(
        [kfmd, "serve", "--store", path, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
         "--predefined-types", "none"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = ""
    for line in process.stderr:
        log += line
        if "gRPC listens" in line:
            process.send_signal(signal.SIGTERM)
    process.wait()
    return process.returncode, log


def compare(kfmd, path):
    ours, theirs = path + ".ours", path + ".theirs"
    for target in (ours, theirs):
        shutil.copy(path, target)
    before = dump(ours)
    status, log = serve_once(kfmd, ours)
    assert status == 0 and "was migrated" in log, f"{path}: kfmd ended with {status}: {log}"
    copies = [name for name in os.listdir(os.path.dirname(ours)) if name.startswith(os.path.basename(ours) + ".schema-")]
    assert len(copies) == 1, f"{path}: copies {copies}"
    assert dump(os.path.join(os.path.dirname(ours), copies[0])) == before, f"{path}: the copy differs from the file"

    MetadataStore(config(theirs), enable_upgrade_migration=True)
    ours_content, theirs_content = content(ours), content(theirs)
    for key, expected in theirs_content.items():
        assert ours_content[key] == expected, f"{path}: {key}:\n ours   {ours_content[key]}\n theirs {expected}"
    reads = []
    for target in (ours, theirs):
        store = MetadataStore(config(target))
        executions = store.get_executions()
        reads.append(
            [str(item) for item in store.get_artifacts() + executions + store.get_contexts() + store.get_artifact_types()]
            + [str(item) for item in store.get_events_by_execution_ids([item.id for item in executions])]
        )
    assert reads[0] == reads[1], f"{path}: the original reads something else"
    status, log = serve_once(kfmd, ours)
    assert status == 0 and "was migrated" not in log, f"{path}: migrated twice: {log}"


def main():
    kfmd, folder, *files = sys.argv[1:]
    newest = os.path.join(folder, "newest.db")
    fill(newest)
    paths = []
    for version in range(9, -1, -1):
        path = os.path.join(folder, f"schema-version-{version}.db")
        shutil.copy(newest, path)
        downgrade_schema(config(path), version)
        paths.append(path)
        if version in (4, 7):
            twice = path.replace(".db", "-twice.db")
            shutil.copy(path, twice)
            duplicate_events(twice)
            paths.append(twice)
    for path in files:
        shutil.copy(path, folder)
        paths.append(os.path.join(folder, os.path.basename(path)))
    for path in paths:
        compare(kfmd, path)

    # What is newer, or not understood, is refused and left alone.
    for name, change, word in (
        ("newer.db", "UPDATE MLMDEnv SET schema_version = 11", "newer"),
        ("two.db", "INSERT INTO MLMDEnv VALUES (3)", "2 rows in MLMDEnv"),
        ("none.db", "DROP TABLE MLMDEnv", "MLMDEnv"),
        ("part.db", "DROP TABLE Attribution", "Attribution"),
    ):
        path = os.path.join(folder, name)
        shutil.copy(newest, path)
        database = sqlite3.connect(path)
        database.execute(change)
        database.commit()
        database.close()
        before = dump(path)
        status, log = serve_once(kfmd, path)
        assert status != 0 and word in log and name in log, f"{name}: {status} {log}"
        assert dump(path) == before, f"{name} was changed"
    print(f"{len(paths)} files migrated as the original does")


if __name__ == "__main__":
    main()
