"""Checks the manifests: that they build, fit the schemas of Kubernetes, and fit together.

    manifests.py FILE       what kustomize build prints
    manifests.py FOLDER     the repository: every kustomization below manifests/ and kustomize/, and that each check fails
                            on what it should find (manifest_mutations.py)
"""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import kubernetes_validate
import yaml

import manifest_checks
import manifest_mutations

# The oldest that runs the sidecar without a feature gate, one between, the newest that is known.
VERSIONS = ["1.29", "1.33", "1.37"]

# Kinds of others, whose schemas Kubernetes does not have.
OTHERS = {
    "argoproj.io/v1alpha1",
    "cert-manager.io/v1",
    "monitoring.coreos.com/v1",
    "networking.istio.io/v1",
    "security.istio.io/v1",
}

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Schemas:
    """The schemas; each object is looked at once, in however many builds it is."""

    def __init__(self):
        self.known = {}

    def problems(self, item):
        if item["apiVersion"] in OTHERS:
            return []
        key = json.dumps(item, sort_keys=True)
        if key not in self.known:
            self.known[key] = [text for version in VERSIONS for text in self.look(item, version)]
        return self.known[key]

    def look(self, item, version):
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {version}: {error.message} at {list(error.path)}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"Kubernetes {version} has no {item['apiVersion']} {item['kind']}"


def objects(text):
    return [item for item in yaml.load_all(text, LOADER) if item]


def name_of(item):
    return f"{item['kind']} {item['metadata']['name']}"


def check_file(path):
    """Prints a line an object."""
    with open(path) as file:
        items = objects(file.read())
    schemas = Schemas()
    failures = 0
    for item in items:
        problems = schemas.problems(item)
        for problem in problems:
            print(f"invalid {name_of(item)}: {problem}")
        if not problems:
            print(f"ok {name_of(item)}")
        failures += len(problems)
    return failures if items else 1


def kustomizations(root):
    """The folders of all kustomizations, and those of all components."""
    folders = {"Kustomization": [], "Component": []}
    for top in ("manifests", "kustomize"):
        for folder, _, files in sorted(os.walk(os.path.join(root, top))):
            if "kustomization.yaml" in files:
                with open(os.path.join(folder, "kustomization.yaml")) as file:
                    folders[yaml.load(file, LOADER)["kind"]].append(folder)
    return folders["Kustomization"], folders["Component"]


def used_components(folders):
    """The components that are used, also by components."""
    used = set()
    left = list(folders)
    while left:
        folder = left.pop()
        with open(os.path.join(folder, "kustomization.yaml")) as file:
            named = yaml.load(file, LOADER).get("components", [])
        for component in (os.path.realpath(os.path.join(folder, name)) for name in named):
            if component not in used:
                used.add(component)
                left.append(component)
    return used


def is_part(folder, folders):
    return any(folder.startswith(other + os.sep) for other in folders)


def kubectl():
    """The one of the requirements, else any."""
    beside = os.path.join(os.path.dirname(sys.executable), "kubectl")
    return beside if os.path.exists(beside) else shutil.which("kubectl")


def build(folder):
    return subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True)


def check_repository(root):
    failures = []
    folders, components = kustomizations(root)
    unused = {os.path.realpath(folder) for folder in components} - used_components(folders)
    for folder in sorted(unused):
        failures.append(f"{os.path.relpath(folder, root)}: no kustomization uses this component")
    facts = manifest_checks.Facts(root)
    schemas = Schemas()
    builds = []
    # kustomize runs beside us: two at a time are enough.
    with ThreadPoolExecutor(2) as pool:
        for folder, built in zip(folders, pool.map(build, folders)):
            name = os.path.relpath(folder, root)
            if built.returncode:
                failures.append(f"{name}: does not build: {built.stderr.strip()}")
                continue
            items = objects(built.stdout)
            if not items:
                failures.append(f"{name}: is empty")
            problems = [f"{name_of(item)}: {text}" for item in items for text in schemas.problems(item)]
            # Parts of others fit together there.
            if not is_part(folder, folders):
                builds.append(manifest_checks.Build(name, items))
                problems += manifest_checks.problems(builds[-1], facts)
            failures += [f"{name}: {problem}" for problem in problems]
            print(f"{'wrong' if problems else 'ok'} {name} ({len(items)} objects)")
    failures += manifest_checks.source_problems(facts)
    failures += manifest_checks.problems_of_all(builds)
    if not failures:
        count, missed = manifest_mutations.run(builds, facts, schemas)
        failures += missed
        print(f"{count - len(missed)} of {count} mistakes are found")
    for failure in failures:
        print(failure)
    print(f"{len(folders)} kustomizations, {len(schemas.known)} objects, {len(failures)} problems")
    return len(failures)


def main():
    path = sys.argv[1]
    failures = check_repository(os.path.abspath(path)) if os.path.isdir(path) else check_file(path)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
