"""Makes a store file of a million artifacts for the benchmarks, in the original's own schema.

    make_store.py FILE [ARTIFACTS]

Two artifacts and one execution a step; ten steps make a chain, a hundred steps a run (context). The
runs named "thousand" and "many" hold 1,000 and 100,000 executions. The rows are written by SQL, as a
million calls would take half an hour.
"""

import sqlite3
import sys

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as m


def types(path):
    config = m.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = m.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = MetadataStore(config)
    artifacts = [
        store.put_artifact_type(m.ArtifactType(name=f"artifact-{n}", properties={"rows": m.INT, "owner": m.STRING}))
        for n in range(5)
    ]
    execution = store.put_execution_type(m.ExecutionType(name="step", properties={"image": m.STRING}))
    context = store.put_context_type(m.ContextType(name="run"))
    return artifacts, execution, context


def main():
    path = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    steps = count // 2
    artifact_types, execution_type, context_type = types(path)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA cache_size = -500000")
    indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL").fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    database.execute("BEGIN")
    start = 1_700_000_000_000
    database.executemany(
        "INSERT INTO Artifact (id, type_id, uri, state, name, external_id, create_time_since_epoch, last_update_time_since_epoch)"
        " VALUES (?, ?, ?, 2, ?, ?, ?, ?)",
        (
            (n, artifact_types[n % 5], f"s3://bucket/runs/{n // 200}/{n}", f"artifact-{n}" if n % 2 else None,
             f"external-{n}", start + n, start + n)
            for n in range(1, 2 * steps + 1)
        ),
    )  # fmt: skip
    for column, value in (("int_value", lambda n: n % 100_000), ("string_value", lambda n: f"owner-{n % 1000}")):
        name = "rows" if column == "int_value" else "owner"
        database.executemany(
            f"INSERT INTO ArtifactProperty (artifact_id, name, is_custom_property, {column}) VALUES (?, '{name}', 0, ?)",
            ((n, value(n)) for n in range(1, 2 * steps + 1)),
        )
    database.executemany(
        "INSERT INTO Execution (id, type_id, last_known_state, external_id, create_time_since_epoch, last_update_time_since_epoch)"
        " VALUES (?, ?, 3, ?, ?, ?)",
        ((n, execution_type, f"external-{n}", start + 2 * n, start + 2 * n) for n in range(1, steps + 1)),
    )
    database.executemany(
        "INSERT INTO ExecutionProperty (execution_id, name, is_custom_property, string_value) VALUES (?, 'image', 0, ?)",
        ((n, f"image-{n % 50}") for n in range(1, steps + 1)),
    )

    def events():
        for n in range(1, steps + 1):
            yield 2 * n - 1, n, 4
            yield 2 * n, n, 4
            if n % 10 != 1:
                yield 2 * n - 2, n, 3

    database.executemany("INSERT INTO Event (artifact_id, execution_id, type, milliseconds_since_epoch) VALUES (?, ?, ?, 1)", events())
    runs = steps // 100
    names = [f"run-{n}" for n in range(1, runs + 1)] + ["thousand", "many"]
    database.executemany(
        "INSERT INTO Context (id, type_id, name, create_time_since_epoch, last_update_time_since_epoch) VALUES (?, ?, ?, ?, ?)",
        ((n, context_type, name, start + n, start + n) for n, name in enumerate(names, 1)),
    )

    def members():
        for n in range(1, steps + 1):
            yield (n - 1) // 100 + 1, n
        for n in range(1, min(1000, steps) + 1):
            yield runs + 1, n * (steps // min(1000, steps))
        for n in range(1, min(100_000, steps) + 1):
            yield runs + 2, n * (steps // min(100_000, steps))

    database.executemany("INSERT INTO Association (context_id, execution_id) VALUES (?, ?)", members())
    database.executemany(
        "INSERT INTO Attribution (context_id, artifact_id) VALUES (?, ?)",
        (((n - 1) // 200 + 1, n) for n in range(1, 2 * steps + 1)),
    )
    for _, sql in indexes:
        database.execute(sql)
    database.execute("COMMIT")
    database.close()


if __name__ == "__main__":
    main()
