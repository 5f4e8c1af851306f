"""Makes a mistake in a copy of what was built, for each thing that a check should find, and sees that it is found."""

import json

import manifest_checks
from manifest_checks import Build


def find(build, kind, name=None):
    return next(item for item in build.items if item["kind"] == kind and name in (None, item["metadata"]["name"]))


def pod(build, name="metadata-service"):
    return find(build, "Deployment", name)["spec"]["template"]


def container(build, name="metadata-service"):
    return pod(build, name)["spec"]["containers"][0]


def set_at(*path):
    """Sets the last of a path."""

    def change(thing, value):
        for key in path[:-1]:
            thing = thing[key]
        thing[path[-1]] = value

    return change


BASE = "manifests/metadata/base"
HA = "manifests/metadata/overlays/ha"
ISTIO = "manifests/metadata/overlays/istio"
NAMESPACED = "manifests/metadata/overlays/namespaced"
PROMETHEUS = "manifests/metadata/overlays/prometheus"
SIDECAR = "manifests/metadata/overlays/sidecar"
GUARD = "kustomize/examples/guard"
JOBS = "kustomize/examples/sidecar"
WORKFLOW = "kustomize/examples/sidecar-workflow"

# The build, what is done to it, and what must be said of it.
MISTAKES = [
    (BASE, lambda b: container(b).update(imagge="kfmd"), "imagge"),
    (BASE, lambda b: find(b, "NetworkPolicy")["spec"].update(ingress={}), "is not of type"),
    (BASE, lambda b: find(b, "PersistentVolumeClaim").update(apiVersion="v2"), "has no v2"),
    # The Pod Security Standard.
    (BASE, lambda b: pod(b)["spec"].update(hostNetwork=True), "hostNetwork"),
    (BASE, lambda b: pod(b)["spec"]["volumes"].append({"name": "host", "hostPath": {"path": "/"}}), "volume host is of"),
    (BASE, lambda b: pod(b)["spec"]["securityContext"].pop("runAsNonRoot"), "may run as root"),
    (BASE, lambda b: pod(b)["spec"]["securityContext"].update(runAsUser=0), "runs as root"),
    (BASE, lambda b: pod(b)["spec"]["securityContext"].pop("seccompProfile"), "has no seccompProfile"),
    (BASE, lambda b: container(b)["securityContext"].pop("allowPrivilegeEscalation"), "may escalate"),
    (BASE, lambda b: container(b)["securityContext"].pop("capabilities"), "keeps capabilities"),
    (BASE, lambda b: container(b)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]), "adds capabilities"),
    (BASE, lambda b: container(b)["ports"][0].update(hostPort=80), "port of the host"),
    (JOBS, lambda b: find(b, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"].pop("securityContext"), "root"),
    (JOBS, lambda b: find(b, "StatefulSet")["spec"]["template"]["spec"].pop("securityContext"), "root"),
    (
        WORKFLOW,
        lambda b: find(b, "WorkflowTemplate")["spec"].update(
            podSpecPatch=find(b, "WorkflowTemplate")["spec"]["podSpecPatch"].replace("runAsNonRoot: true", "")
        ),
        "podSpecPatch: is not restricted",
    ),
    # Ours.
    (BASE, lambda b: container(b)["securityContext"].pop("readOnlyRootFilesystem"), "may write to its root"),
    (BASE, lambda b: container(b).pop("resources"), "no limit of memory"),
    (BASE, lambda b: container(b).update(image="kfmd"), "has the image kfmd"),
    (BASE, lambda b: container(b).update(image="ghcr.io/kubeflow/kfmd:latest"), "has the image"),
    (
        SIDECAR,
        lambda b: next(
            variable
            for variable in container(b, "metadata-webhook")["env"]
            if variable["name"] == "KFMD_SIDECAR_IMAGE"
        ).update(value="kfmd"),
        "KFMD_SIDECAR_IMAGE is kfmd",
    ),
    (BASE, lambda b: container(b)["env"].append({"name": "KFMD_STOER", "value": ""}), "reads KFMD_STOER"),
    (BASE, lambda b: container(b)["readinessProbe"]["httpGet"].update(port="htpp"), "asks the port htpp"),
    (BASE, lambda b: container(b)["volumeMounts"][0].update(name="other"), "volume other is mounted"),
    (BASE, lambda b: container(b).pop("volumeMounts"), "volume store is not mounted"),
    (
        JOBS,
        lambda b: find(b, "Job")["spec"]["template"]["spec"]["initContainers"][-1].update(args=["side"]),
        "args of the sidecar is",
    ),
    (
        JOBS,
        lambda b: find(b, "Job")["spec"]["template"]["spec"]["initContainers"][-1]["volumeMounts"][0].pop("readOnly"),
        "the sidecar may write into",
    ),
    (
        WORKFLOW,
        lambda b: find(b, "WorkflowTemplate")["spec"].update(
            podSpecPatch=find(b, "WorkflowTemplate")["spec"]["podSpecPatch"].replace("restartPolicy: Always", "")
        ),
        "restartPolicy of the sidecar is None",
    ),
    (
        JOBS,
        lambda b: find(b, "StatefulSet")["spec"]["template"]["spec"]["initContainers"].reverse(),
        "not the last init container",
    ),
    # What refers to what.
    (BASE, lambda b: pod(b)["metadata"]["labels"].pop("app.kubernetes.io/name"), "does not match its pods"),
    (BASE, lambda b: find(b, "Service")["spec"].pop("selector"), "selects no pod"),
    (BASE, lambda b: find(b, "Service")["spec"].update(selector={"app": "other"}), "selects no pod"),
    (BASE, lambda b: find(b, "Service")["spec"]["ports"][0].update(targetPort="other"), "do not have the port other"),
    (BASE, lambda b: find(b, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0].update(port=9), "have the port 9"),
    (BASE, lambda b: find(b, "NetworkPolicy")["spec"].update(podSelector={}), "its podSelector is empty"),
    (
        HA,
        lambda b: set_at("spec", "template", "spec", "topologySpreadConstraints", 0, "labelSelector", "matchLabels")(
            find(b, "StatefulSet"), {"app": "other"}
        ),
        "spread by labels",
    ),
    (HA, lambda b: find(b, "PodDisruptionBudget")["spec"]["selector"].update(matchLabels={"a": "b"}), "selects no pod"),
    (HA, lambda b: find(b, "StatefulSet")["spec"].pop("volumeClaimTemplates"), "the volume journal is mounted"),
    (
        ISTIO,
        lambda b: set_at("spec", "http", 0, "route", 0, "destination", "port", "number")(find(b, "VirtualService"), 81),
        "no such port of a Service",
    ),
    (
        ISTIO,
        lambda b: find(b, "AuthorizationPolicy")["spec"]["rules"][0]["to"][0]["operation"].update(ports=["80"]),
        "do not have the port 80",
    ),
    (PROMETHEUS, lambda b: find(b, "PodMonitor")["spec"]["podMetricsEndpoints"][0].update(port="web"), "port web"),
    (SIDECAR, lambda b: find(b, "Service", "metadata-webhook")["spec"]["ports"][0].update(port=80), "no such port"),
    (BASE, lambda b: b.items.remove(find(b, "PersistentVolumeClaim")), "PersistentVolumeClaim"),
    (BASE, lambda b: pod(b)["spec"].update(serviceAccountName="nobody"), "ServiceAccount nobody is not there"),
    (
        BASE,
        lambda b: container(b, "metadata-recorder")["envFrom"][0]["configMapRef"].update(name="other"),
        "ConfigMap other is not there",
    ),
    # Rights.
    (BASE, lambda b: b.items.remove(find(b, "ClusterRole")), "there is no ClusterRole"),
    (BASE, lambda b: find(b, "ClusterRoleBinding")["subjects"][0].update(namespace="default"), "no ServiceAccount"),
    (BASE, lambda b: find(b, "ClusterRole")["rules"][2]["verbs"].append("*"), "a rule has a *"),
    (BASE, lambda b: find(b, "ClusterRole")["rules"][2]["resources"].append("secrets"), "reaches the secrets"),
    (BASE, lambda b: find(b, "ClusterRole")["rules"][2]["verbs"].append("patch"), "has the right to patch pods"),
    (GUARD, lambda b: find(b, "ClusterRole")["rules"].pop(), "does not have the right to patch pods"),
    (
        NAMESPACED,
        lambda b: b.items.append(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": {}}}
        ),
        "is of the whole cluster",
    ),
    (BASE, lambda b: find(b, "Service")["metadata"].pop("namespace"), "does not have a namespace"),
    # Webhooks.
    (
        SIDECAR,
        lambda b: find(b, "MutatingWebhookConfiguration")["webhooks"][0].update(failurePolicy="Fail"),
        "stops pods",
    ),
    (SIDECAR, lambda b: find(b, "MutatingWebhookConfiguration")["webhooks"][0].update(timeoutSeconds=10), "more than 2 s"),
    (SIDECAR, lambda b: find(b, "ValidatingWebhookConfiguration")["webhooks"][0].update(sideEffects="Some"), "has side"),
    (
        SIDECAR,
        lambda b: set_at("webhooks", 0, "namespaceSelector", "matchExpressions", 0, "values")(
            find(b, "MutatingWebhookConfiguration"), ["kubeflow"]
        ),
        "is asked of pods in kube-node-lease, kube-public, kube-system",
    ),
    # Metrics.
    (BASE, lambda b: container(b)["livenessProbe"]["httpGet"].update(port="http"), "livenessProbe asks the port http"),
    (
        PROMETHEUS,
        lambda b: find(b, "PodMonitor", "metadata-service")["spec"]["podMetricsEndpoints"][0].update(port="http"),
        "PodMonitor metadata-service asks the port http",
    ),
    (
        PROMETHEUS,
        lambda b: find(b, "PrometheusRule")["spec"]["groups"][0]["rules"][0].update(expr="kfmd_raedy == 0"),
        "no metric kfmd_raedy",
    ),
    (
        PROMETHEUS,
        lambda b: find(b, "ConfigMap", "metadata-dashboard").update(
            data={"a.json": json.dumps({"panels": [{"targets": [{"expr": "rate(kfmd_nothing_bucket[5m])"}]}]})}
        ),
        "no metric kfmd_nothing",
    ),
]


def of_all(builds, facts):
    """The overlay that takes a right away from the recorder that the base has."""
    copies = [build.copy() for build in builds]
    role = find(next(build for build in copies if build.name == NAMESPACED), "Role", "kubeflow-metadata-recorder")
    role["rules"].pop()
    return manifest_checks.problems_of_all(copies)


def run(builds, facts, schemas):
    """Returns how many mistakes were made, and what was not found."""
    named = {build.name: build for build in builds}
    missed = []
    for number, (name, change, expected) in enumerate(MISTAKES):
        build: Build = named[name].copy()
        change(build)
        found = [text for item in build.items for text in schemas.problems(item)]
        try:
            found += manifest_checks.problems(build, facts)
        except (KeyError, TypeError) as error:
            # What the schemas refuse, the checks need not understand.
            if not found:
                raise
            found.append(f"{error}")
        if not any(expected in text for text in found):
            missed.append(f"mistake {number} in {name} is not found: expected “{expected}”, found {found}")
    if not any("does not have the right" in text for text in of_all(builds, facts)):
        missed.append("a right that the overlay namespaced lacks is not found")
    return len(MISTAKES) + 1, missed
