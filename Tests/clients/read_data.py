"""Runs the code of docs/data.md against a store, and checks that each query finds what it says.

    read_data.py DOCUMENT HOST:PORT
"""
import sys

DOCUMENT, ADDRESS = sys.argv[1:3]
HOST, PORT = ADDRESS.split(":")

blocks, block = [], []
for line in open(DOCUMENT, encoding="utf-8"):
    if line.startswith("    "):
        block.append(line[4:])
    elif block:
        blocks.append("".join(block))
        block = []
if block:
    blocks.append("".join(block))

names = {}
for number, text in enumerate(blocks):
    text = text.replace('host="localhost", port=8080', f'host="{HOST}", port={PORT}')
    exec(compile(text, f"{DOCUMENT}, block {number + 1}", "exec"), names)

assert names["failed"], "no run failed"
assert all(run.custom_properties["state"].string_value == "FAILED" for run in names["failed"])
steps = names["store"].get_executions_by_context(names["run"].id)
assert len(steps) > 2, steps
assert any(key.startswith("input:") for step in steps for key in step.custom_properties)
assert names["models"] and names["serving"]
assert any(model.uri for model in names["models"])
assert names["trials"], "no trial has an accuracy"
print(f"{len(blocks)} blocks of {DOCUMENT.rsplit('/', 1)[-1]} run")
