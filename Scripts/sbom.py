#!/usr/bin/env python3
"""The software bill of materials of the release binary: SPDX 2.3, as JSON.

    sbom.py --resolved Package.resolved [options] > sbom.spdx.json
    sbom.py --check sbom.spdx.json

It lists the Swift packages that SwiftPM resolved, the C libraries that they vendor, the static libraries of Debian
and the Swift runtime. The same input makes the same bytes: the time is SOURCE_DATE_EPOCH (without it 1970), and the
namespace has the content's hash.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys

PROJECT = "https://github.com/kubeflow/metadata"
NAMESPACE = PROJECT + "/spdx/"
NONE = "NOASSERTION"

# What packages vendor: the file of a checkout that has the version, and the version in it. Scanners find flaws of BoringSSL
# and llhttp by these names, not by those of the Swift packages.
VENDORED = [
    ("swift-nio-ssl", "Sources/CNIOBoringSSL/hash.txt", r"revision ([0-9a-f]{40})", "boringssl"),
    ("swift-crypto", "Sources/CCryptoBoringSSL/hash.txt", r"revision ([0-9a-f]{40})", "boringssl"),
    ("swift-nio", "Sources/CNIOLLHTTP/include/c_nio_llhttp.h",
     r"LLHTTP_VERSION_MAJOR (\d+)\s+#define LLHTTP_VERSION_MINOR (\d+)\s+#define LLHTTP_VERSION_PATCH (\d+)", "llhttp"),
]
UPSTREAM = {
    "boringssl": ("git+https://boringssl.googlesource.com/boringssl@{}", "Organization: Google",
                  "pkg:generic/boringssl@{}?vcs_url=git%2Bhttps://boringssl.googlesource.com/boringssl%40{}"),
    "llhttp": ("git+https://github.com/nodejs/llhttp@release/v{}", "Organization: nodejs", "pkg:github/nodejs/llhttp@v{}"),
}


class Malformed(Exception):
    pass


def pins(text):
    """The packages of a Package.resolved (its versions 2 and 3), or of `swift package show-dependencies --format json`.

    Each is (name, URL, version, revision or None); and which uses which, where the input tells: pairs of names.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise Malformed(f"no JSON: {error}") from None
    found, uses = {}, set()
    if isinstance(content, dict) and "pins" in content:
        for pin in content["pins"]:
            state = pin["state"]
            version = state.get("version") or state.get("revision")
            found[pin["identity"]] = (pin["identity"], pin["location"], version, state.get("revision"))
    elif isinstance(content, dict) and "dependencies" in content:
        def walk(node, parent):
            for child in node["dependencies"]:
                found[child["identity"]] = (child["identity"], child["url"], child["version"], None)
                uses.add((parent, child["identity"]))
                walk(child, child["identity"])
        walk(content, "kfmd")
    else:
        raise Malformed("neither a Package.resolved nor what show-dependencies prints")
    if not found:
        raise Malformed("no packages in it")
    for name, _, version, _ in found.values():
        if not version or version == "unspecified":
            raise Malformed(f"{name} has no version")
    return [found[name] for name in sorted(found)], sorted(uses)


def license_of(folder):
    """The license of a checkout by its license file; NOASSERTION where that is none of the usual two."""
    for name in ("LICENSE.txt", "LICENSE", "LICENSE.md"):
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if re.search(r"Apache License\s+Version 2\.0", text):
            return "Apache-2.0 WITH Swift-exception" if "Runtime Library Exception" in text else "Apache-2.0"
        if "Permission is hereby granted, free of charge" in text:
            return "MIT"
    return NONE


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def debian_library(name):
    """The Debian package that a static library, libz.a, is of: (package, version, source, architecture)."""
    path = os.path.realpath(run("gcc", f"-print-file-name={name}"))
    if not os.path.isabs(path) or not os.path.exists(path):
        raise Malformed(f"gcc does not know {name}")
    package = run("dpkg-query", "-S", path).split(": ")[0]
    fields = run("dpkg-query", "-W", "-f=${Package}\t${Version}\t${source:Package}\t${Architecture}", package)
    return tuple(fields.split("\t"))


def swift_version():
    return re.search(r"Swift version (\S+)", run("swift", "--version"))[1]


def spdx_id(*parts):
    return "SPDXRef-" + "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part) for part in parts)


def package(identifier, name, version, location, supplier, purl, license=NONE, comment=None):
    result = {
        "SPDXID": identifier, "name": name, "versionInfo": version, "supplier": supplier,
        "downloadLocation": location, "filesAnalyzed": False, "licenseConcluded": NONE, "licenseDeclared": license,
        "copyrightText": NONE,
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
    }
    if comment:
        result["comment"] = comment
    return result


def document(version, resolved, libraries=(), swift=None, checkouts=None, epoch=0):
    """The document; `libraries` as of debian_library, `checkouts` the folder of SwiftPM's checkouts."""
    found, uses = resolved
    root = spdx_id("Package", "kfmd")
    packages = [package(
        root, "kfmd", version, f"git+{PROJECT}@v{version}", "Organization: Kubeflow",
        f"pkg:github/kubeflow/metadata@v{version}", "Apache-2.0")]
    packages[0]["primaryPackagePurpose"] = "APPLICATION"
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", root)]
    identifiers = {"kfmd": root}
    for name, url, release, revision in found:
        # Sources of one package have names with and without .git.
        place = re.sub(r"\.git$", "", re.sub(r"^https?://|^ssh://|^git@", "", url).replace(":", "/", 1))
        owner = place.split("/")[1] if place.count("/") >= 2 else None
        identifiers[name] = spdx_id("Package", "swift", name)
        packages.append(package(
            identifiers[name], name, release, f"git+https://{place}@{revision or release}",
            f"Organization: {owner}" if owner else NONE, f"pkg:swift/{place}@{release}",
            license_of(os.path.join(checkouts, os.path.basename(place))) if checkouts else NONE))
        if not uses:
            relations.append((root, "DEPENDS_ON", identifiers[name]))
    relations += [(identifiers[user], "DEPENDS_ON", identifiers[used]) for user, used in uses]
    if checkouts:
        for owner, path, pattern, name in VENDORED:
            if owner not in identifiers:
                continue
            try:
                with open(os.path.join(checkouts, owner, path), encoding="utf-8") as file:
                    match = re.search(pattern, file.read())
            except OSError as error:
                raise Malformed(f"{owner}: {error}") from None
            if not match:
                raise Malformed(f"{owner}: {path} has no version of {name}")
            release = ".".join(match.groups())
            location, supplier, purl = UPSTREAM[name]
            identifier = spdx_id("Package", "vendored", owner, name)
            packages.append(package(
                identifier, name, release, location.format(release), supplier,
                purl.format(release, release), comment=f"Vendored in {owner}."))
            relations.append((identifiers[owner], "CONTAINS", identifier))
    for name, release, source, architecture in sorted(set(libraries)):
        identifier = spdx_id("Package", "deb", name)
        packages.append(package(
            identifier, name, release, NONE, "Organization: Debian",
            f"pkg:deb/debian/{name}@{release.replace('+', '%2B').replace(':', '%3A').replace('~', '%7E')}"
            f"?arch={architecture}&upstream={source.replace('+', '%2B')}",
            comment="Linked statically."))
        relations.append((root, "STATIC_LINK", identifier))
    if swift:
        identifier = spdx_id("Package", "swift-runtime")
        packages.append(package(
            identifier, "swift", swift, f"git+https://github.com/swiftlang/swift@swift-{swift}-RELEASE",
            "Organization: swiftlang", f"pkg:github/swiftlang/swift@swift-{swift}-RELEASE",
            "Apache-2.0 WITH Swift-exception",
            comment="The runtime, standard library, Dispatch and FoundationEssentials, linked statically."))
        relations.append((root, "STATIC_LINK", identifier))

    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    result = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"kfmd-{version}",
        "documentNamespace": "",
        "creationInfo": {"created": created, "creators": ["Organization: Kubeflow", "Tool: kfmd-sbom"]},
        "comment": "Swift packages are those that SwiftPM resolved; not each is linked on Linux.",
        "packages": sorted(packages, key=lambda item: (item["SPDXID"] != root, item["SPDXID"])),
        "relationships": [
            {"spdxElementId": left, "relationshipType": kind, "relatedSpdxElement": right}
            for left, kind, right in sorted(relations)],
    }
    result["documentNamespace"] = namespace(result)
    return result


def namespace(content):
    """SPDX wants one that no other document has: it follows from the content."""
    rest = {key: value for key, value in content.items() if key != "documentNamespace"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    return f"{NAMESPACE}{content.get('name')}-{digest}"


def text(content):
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def flaws(content):
    """What SPDX 2.3 asks of a document, and this one of itself, and is not so."""
    if not isinstance(content, dict):
        return ["not an object"]
    found = []

    def expect(condition, what):
        if not condition:
            found.append(what)

    for key, value in (("spdxVersion", "SPDX-2.3"), ("dataLicense", "CC0-1.0"), ("SPDXID", "SPDXRef-DOCUMENT")):
        expect(content.get(key) == value, f"{key} is {content.get(key)!r}, should be {value!r}")
    expect(content.get("name"), "the document has no name")
    expect(content.get("documentNamespace") == namespace(content), "documentNamespace is not that of the content")
    creation = content.get("creationInfo") or {}
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(creation.get("created"))), "no time of creation, in UTC")
    creators = creation.get("creators") or []
    expect(creators and all(re.match(r"(Person|Organization|Tool): .", each) for each in creators), "no creators")
    packages = content.get("packages") or []
    expect(packages, "no packages")
    known = ["SPDXRef-DOCUMENT"] + [item.get("SPDXID") for item in packages]
    for each in known:
        expect(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", str(each)), f"{each!r} is no identifier of SPDX")
        expect(known.count(each) == 1, f"{each} is there {known.count(each)} times")
    for item in packages:
        where = item.get("SPDXID") or item.get("name")
        for key in ("name", "versionInfo", "downloadLocation", "supplier", "licenseDeclared", "licenseConcluded"):
            expect(item.get(key), f"{where} has no {key}")
        expect(item.get("filesAnalyzed") is False, f"{where}: filesAnalyzed should be false: no files are listed")
        expect(re.match(r"(Person|Organization): .|NOASSERTION$", str(item.get("supplier"))), f"{where}: supplier")
        expect(re.match(r"(git\+)?https://\S+$|NOASSERTION$|NONE$", str(item.get("downloadLocation"))),
               f"{where}: downloadLocation {item.get('downloadLocation')!r}")
        purls = [each.get("referenceLocator") for each in item.get("externalRefs") or []
                 if each.get("referenceType") == "purl" and each.get("referenceCategory") == "PACKAGE-MANAGER"]
        expect(len(purls) == 1 and re.fullmatch(r"pkg:[a-z]+/[^\s?#]+@[^\s?#]+(\?\S+)?", str(purls[0])),
               f"{where} has no package URL, but {purls}")
    relations = content.get("relationships") or []
    for each in relations:
        for key in ("spdxElementId", "relatedSpdxElement"):
            expect(each.get(key) in known, f"a relationship names {each.get(key)!r}, which is not there")
        expect(each.get("relationshipType") in ("DESCRIBES", "DEPENDS_ON", "CONTAINS", "STATIC_LINK"),
               f"a relationship {each.get('relationshipType')!r}")
    described = [each for each in relations if each.get("relationshipType") == "DESCRIBES"]
    expect(len(described) == 1 and described[0].get("spdxElementId") == "SPDXRef-DOCUMENT",
           "the document should describe one package")
    related = {each.get("relatedSpdxElement") for each in relations}
    for each in known[1:]:
        expect(each in related, f"nothing leads to {each}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", metavar="FILE", help="check a document's structure; nothing is written")
    parser.add_argument("--resolved", metavar="FILE", help="Package.resolved, or what show-dependencies printed as JSON")
    parser.add_argument("--package-version", metavar="VERSION", help="of kfmd; by default as in Sources/kfmd/VersionCommand.swift")
    parser.add_argument("--checkouts", metavar="FOLDER", help="SwiftPM's checkouts, for licenses and vendored libraries")
    parser.add_argument("--static-library", metavar="NAME", action="append", default=[],
                        help="libNAME.a of Debian that is linked (repeatable); its package is asked of dpkg")
    parser.add_argument("--swift-runtime", action="store_true", help="the runtime of the installed swift is linked")
    arguments = parser.parse_args()
    try:
        if arguments.check:
            with open(arguments.check, encoding="utf-8") as file:
                content = json.load(file)
            found = flaws(content)
            for each in found:
                print(f"sbom: {arguments.check}: {each}", file=sys.stderr)
            if found:
                return 1
            print(f"sbom: {arguments.check}: {len(content['packages'])} packages, well formed")
            return 0
        if not arguments.resolved:
            parser.error("--resolved or --check")
        version = arguments.package_version
        if not version:
            source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Sources/kfmd/VersionCommand.swift")
            with open(source, encoding="utf-8") as file:
                version = re.search(r'text = "([^"]+)"', file.read())[1]
        with open(arguments.resolved, encoding="utf-8") as file:
            resolved = pins(file.read())
        content = document(
            version, resolved, [debian_library(name) for name in arguments.static_library],
            swift_version() if arguments.swift_runtime else None, arguments.checkouts,
            int(os.environ.get("SOURCE_DATE_EPOCH") or 0))
        found = flaws(content)
        if found:
            raise Malformed("; ".join(found))
        sys.stdout.write(text(content))
        return 0
    except (Malformed, OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        print(f"sbom: {error!r}" if isinstance(error, KeyError) else f"sbom: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
