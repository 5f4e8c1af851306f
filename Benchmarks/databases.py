"""The metadata service on databases against the original store on the same database server.

    databases.py KFMD URL...        postgresql://USER:PASSWORD@HOST:PORT or mysql://…, of a user who may create databases
    databases.py KFMD --against OTHER-KFMD    two builds, on a file

The original (the C++ store of the wheel ml-metadata) is called in process: one store that is kept open, and one that is
opened for each request, as its own server does. kfmd is called over gRPC by h2load. Sides take turns, ROUNDS times.
"""

import sys
import tempfile
import time
import urllib.parse

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as m
from service import SERVICE, Original, Ours, in_process, in_turns, load, put_execution, put_subgraph, put_types, spread

CALLS = (("PutExecution", put_execution, (1, 8, 64)), ("PutLineageSubgraph", put_subgraph, (1, 8)))


class OnServer(Original):
    """The wheel's store on a database server."""

    def __init__(self, url, name):
        parts = urllib.parse.urlsplit(url)
        self.config = m.ConnectionConfig()
        if parts.scheme == "mysql":
            self.config.mysql.MergeFrom(m.MySQLDatabaseConfig(
                host=parts.hostname, port=parts.port, user=parts.username, password=parts.password or "", database=name))  # fmt: skip
        else:
            self.config.postgresql.MergeFrom(m.PostgreSQLDatabaseConfig(
                host=parts.hostname, port=str(parts.port), user=parts.username, password=parts.password or "", dbname=name))  # fmt: skip
        super().__init__(None)

    def connect(self, _):
        return MetadataStore(self.config)


class ForEach:
    """A store for each request."""

    def __init__(self, original):
        self.original = original

    def call(self, method, request):
        self.original.store = self.original.connect(None)
        return self.original.call(method, request)


def on_server(kfmd, url, folder):
    name = f"bench_{int(time.time())}"
    original = OnServer(url, f"{name}_original")
    ours = Ours(kfmd, f"{url}/{name}_kfmd")
    scheme = urllib.parse.urlsplit(url).scheme
    ids = put_types(original)
    assert put_types(ours) == ids
    print(f"\n{scheme}\n\n| what | original, kept open | original, as its server | kfmd over gRPC | ratio | ratio |\n|---|---|---|---|---|---|")
    for method, request, clients in CALLS:
        request = request(ids)
        for store in (original, ours):
            in_process(store, method, request, 0.3)
        body = request.SerializeToString()
        for count in clients:
            sides = {
                "kept": lambda: in_process(original, method, request, 1),
                "each": lambda: in_process(ForEach(original), method, request, 1),
                "ours": lambda: load(ours.address, SERVICE + method, body, 1, count, folder),
            }
            rates = in_turns(sides)
            ratios = [
                spread([mine / theirs for mine, theirs in zip(rates["ours"], rates[side])], 1)
                for side in ("kept", "each")
            ]
            print(
                f"| {method}, {count} at a time | {spread(rates['kept'], 0)}/s | {spread(rates['each'], 0)}/s "
                f"| {spread(rates['ours'], 0)}/s | {ratios[0]} | {ratios[1]} |", flush=True,
            )  # fmt: skip
    ours.stop()


def against(kfmd, other, folder):
    stores = {"this": Ours(kfmd, f"{folder}/this.db"), "other": Ours(other, f"{folder}/other.db")}
    ids = [put_types(store) for store in stores.values()][0]
    print("\n| what | this build | other build | ratio |\n|---|---|---|---|")
    for method, request, clients in CALLS:
        body = request(ids).SerializeToString()
        for count in clients:
            rates = in_turns({
                name: lambda store=store: load(store.address, SERVICE + method, body, 1, count, folder)
                for name, store in stores.items()
            })  # fmt: skip
            ratio = spread([mine / theirs for mine, theirs in zip(rates["this"], rates["other"])])
            print(f"| {method}, {count} at a time | {spread(rates['this'], 0)}/s | {spread(rates['other'], 0)}/s | {ratio} |", flush=True)
    for store in stores.values():
        store.stop()


def main():
    kfmd, rest = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        if rest[0] == "--against":
            return against(kfmd, rest[1], folder)
        for url in rest:
            on_server(kfmd, url.rstrip("/"), folder)


if __name__ == "__main__":
    main()
