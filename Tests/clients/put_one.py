"""Puts one artifact into a server of MLMD's protocol, and reads it again.

    put_one.py HOST:PORT
"""

import sys

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as m

host, port = sys.argv[1].rsplit(":", 1)
store = MetadataStore(m.MetadataStoreClientConfig(host=host, port=int(port)))
kind = store.put_artifact_type(m.ArtifactType(name="one"))
[number] = store.put_artifacts([m.Artifact(type_id=kind, uri="s3://one")])
[found] = store.get_artifacts_by_uri("s3://one")
assert found.id == number, found
