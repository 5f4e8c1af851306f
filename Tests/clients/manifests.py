"""Checks built manifests against the schemas of Kubernetes.

    manifests.py FILE     (what kustomize build prints)
"""

import sys

import kubernetes_validate
import yaml

VERSION = "1.31"


def main():
    with open(sys.argv[1]) as file:
        objects = [item for item in yaml.safe_load_all(file) if item]
    failures = 0
    for item in objects:
        name = f"{item['kind']} {item['metadata']['name']}"
        try:
            kubernetes_validate.validate(item, VERSION, strict=True)
            print(f"ok {name}")
        except kubernetes_validate.ValidationError as error:
            failures += 1
            print(f"invalid {name}: {error.message} at {list(error.path)}")
    sys.exit(1 if failures or not objects else 0)


if __name__ == "__main__":
    main()
