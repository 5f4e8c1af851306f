"""Scripts/sbom.py on packages made up here: what SPDX 2.3 asks for is in its document, and --check misses it where it is not.

    python3 Tests/release/test_sbom.py
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Scripts/sbom.py")
sys.path.insert(0, os.path.dirname(SCRIPT))
sys.dont_write_bytecode = True
import sbom  # noqa: E402

RESOLVED = json.dumps({
    "originHash": "00", "version": 3, "pins": [
        {"identity": "swift-nio", "kind": "remoteSourceControl", "location": "https://github.com/apple/swift-nio.git",
         "state": {"revision": "1" * 40, "version": "2.1.0"}},
        {"identity": "swift-crypto", "kind": "remoteSourceControl", "location": "git@github.com:apple/swift-crypto.git",
         "state": {"revision": "2" * 40, "version": "4.0.0"}},
        {"identity": "branch", "kind": "remoteSourceControl", "location": "https://example.org/a/branch",
         "state": {"branch": "main", "revision": "3" * 40}},
    ]})
TREE = json.dumps({
    "identity": "kubeflow-metadata", "name": "kubeflow-metadata", "url": "/src", "version": "unspecified", "path": "/src",
    "dependencies": [
        {"identity": "swift-nio", "name": "swift-nio", "url": "https://github.com/apple/swift-nio.git", "version": "2.1.0",
         "path": "/x", "dependencies": [
             {"identity": "swift-atomics", "name": "swift-atomics", "url": "https://github.com/apple/swift-atomics.git",
              "version": "1.0.0", "path": "/y", "dependencies": []}]}]})
LIBRARIES = [("libsqlite3-dev", "3.40.1-2+deb12u1", "sqlite3", "amd64"), ("zlib1g-dev", "1:1.2.13.dfsg-1", "zlib", "amd64")]


def make(**changes):
    arguments = {"libraries": LIBRARIES, "swift": "6.3.1", "epoch": 1700000000, **changes}
    return sbom.document("1.2.3", sbom.pins(RESOLVED), **arguments)


class SBOMTests(unittest.TestCase):
    def test_has_what_spdx_requires(self):
        content = make()
        self.assertEqual(sbom.flaws(content), [])
        for key in ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages",
                    "relationships"):
            self.assertIn(key, content)
        self.assertEqual(content["creationInfo"]["created"], "2023-11-14T22:13:20Z")
        for package in content["packages"]:
            for key in ("SPDXID", "name", "versionInfo", "supplier", "downloadLocation", "filesAnalyzed", "externalRefs"):
                self.assertIn(key, package)

    def test_lists_packages_libraries_and_the_runtime(self):
        packages = {each["name"]: each for each in make()["packages"]}
        self.assertEqual(
            sorted(packages), ["branch", "kfmd", "libsqlite3-dev", "swift", "swift-crypto", "swift-nio", "zlib1g-dev"])
        purl = {name: each["externalRefs"][0]["referenceLocator"] for name, each in packages.items()}
        self.assertEqual(purl["swift-nio"], "pkg:swift/github.com/apple/swift-nio@2.1.0")
        self.assertEqual(purl["swift-crypto"], "pkg:swift/github.com/apple/swift-crypto@4.0.0")
        self.assertEqual(purl["libsqlite3-dev"],
                         "pkg:deb/debian/libsqlite3-dev@3.40.1-2%2Bdeb12u1?arch=amd64&upstream=sqlite3")
        self.assertEqual(purl["zlib1g-dev"], "pkg:deb/debian/zlib1g-dev@1%3A1.2.13.dfsg-1?arch=amd64&upstream=zlib")
        self.assertEqual(packages["branch"]["versionInfo"], "3" * 40)
        self.assertEqual(packages["swift-nio"]["downloadLocation"], "git+https://github.com/apple/swift-nio@" + "1" * 40)

    def test_same_input_same_bytes(self):
        other = json.loads(RESOLVED)
        other["pins"].reverse()
        again = sbom.document("1.2.3", sbom.pins(json.dumps(other)), list(reversed(LIBRARIES)), "6.3.1", epoch=1700000000)
        self.assertEqual(sbom.text(make()), sbom.text(again))
        self.assertNotEqual(make()["documentNamespace"], make(swift="6.3.2")["documentNamespace"])

    def test_a_tree_tells_which_uses_which(self):
        content = sbom.document("1.2.3", sbom.pins(TREE))
        self.assertEqual(sbom.flaws(content), [])
        self.assertEqual(
            [(each["spdxElementId"], each["relatedSpdxElement"]) for each in content["relationships"]
             if each["relationshipType"] == "DEPENDS_ON"],
            [("SPDXRef-Package-kfmd", "SPDXRef-Package-swift-swift-nio"),
             ("SPDXRef-Package-swift-swift-nio", "SPDXRef-Package-swift-swift-atomics")])

    def test_checkouts_tell_licenses_and_what_is_vendored(self):
        with tempfile.TemporaryDirectory() as folder:
            def put(path, content):
                path = os.path.join(folder, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as file:
                    file.write(content)
            put("swift-nio/LICENSE.txt", "Apache License\n Version 2.0, January 2004")
            put("swift-nio/Sources/CNIOLLHTTP/include/c_nio_llhttp.h",
                "#define LLHTTP_VERSION_MAJOR 9\n#define LLHTTP_VERSION_MINOR 3\n#define LLHTTP_VERSION_PATCH 0\n")
            put("swift-crypto/LICENSE.txt", "Apache License\n Version 2.0\n## Runtime Library Exception")
            put("swift-crypto/Sources/CCryptoBoringSSL/hash.txt", "… at revision " + "a" * 40)
            content = make(checkouts=folder)
            self.assertEqual(sbom.flaws(content), [])
            packages = {each["name"]: each for each in content["packages"]}
            self.assertEqual(packages["llhttp"]["versionInfo"], "9.3.0")
            self.assertEqual(packages["boringssl"]["versionInfo"], "a" * 40)
            self.assertEqual(packages["swift-nio"]["licenseDeclared"], "Apache-2.0")
            self.assertEqual(packages["swift-crypto"]["licenseDeclared"], "Apache-2.0 WITH Swift-exception")
            self.assertEqual(packages["branch"]["licenseDeclared"], "NOASSERTION")
            # A version that cannot be read any more must not leave BoringSSL out silently.
            put("swift-crypto/Sources/CCryptoBoringSSL/hash.txt", "moved")
            with self.assertRaises(sbom.Malformed):
                make(checkouts=folder)

    def test_check_finds_what_is_wrong(self):
        def broken(change):
            content = copy.deepcopy(make())
            change(content)
            content["documentNamespace"] = sbom.namespace(content)
            return sbom.flaws(content)

        def second(key, value):
            return lambda content: content["packages"][1].update({key: value})

        for name, change in {
            "version of SPDX": lambda content: content.update(spdxVersion="SPDX-2.2"),
            "license of the data": lambda content: content.pop("dataLicense"),
            "time": lambda content: content["creationInfo"].pop("created"),
            "creators": lambda content: content["creationInfo"].update(creators=[]),
            "no packages": lambda content: content.update(packages=[]),
            "identifier": second("SPDXID", "SPDXRef-a_b"),
            "identifier twice": second("SPDXID", "SPDXRef-Package-kfmd"),
            "no version": second("versionInfo", ""),
            "no location": second("downloadLocation", None),
            "no supplier": second("supplier", "apple"),
            "no purl": second("externalRefs", []),
            "nothing described": lambda content: content["relationships"].pop(0),
            "dangling": lambda content: content["relationships"][1].update(relatedSpdxElement="SPDXRef-none"),
        }.items():
            with self.subTest(name):
                self.assertNotEqual(broken(change), [])
        changed = make()
        changed["packages"][1]["versionInfo"] = "9.9.9"
        self.assertEqual(sbom.flaws(changed), ["documentNamespace is not that of the content"])

    def test_as_a_command(self):
        with tempfile.TemporaryDirectory() as folder:
            def run(*arguments, **variables):
                return subprocess.run(
                    [sys.executable, "-B", SCRIPT, *arguments], capture_output=True, text=True,
                    env={"PATH": os.environ["PATH"], **variables})

            resolved, written = os.path.join(folder, "Package.resolved"), os.path.join(folder, "sbom.json")
            with open(resolved, "w") as file:
                file.write(RESOLVED)
            made = run("--resolved", resolved, SOURCE_DATE_EPOCH="1700000000")
            self.assertEqual((made.returncode, made.stderr), (0, ""))
            with open(written, "w") as file:
                file.write(made.stdout)
            self.assertEqual(run("--check", written).returncode, 0)
            with open(written, "w") as file:
                file.write(made.stdout.replace("2.1.0", "2.1.1"))
            self.assertEqual(run("--check", written).returncode, 1)
            with open(resolved, "w") as file:
                file.write('{"pins": []}')
            self.assertEqual(run("--resolved", resolved).returncode, 1)


if __name__ == "__main__":
    unittest.main()
