"""What must fit together in manifests, beyond the schemas of Kubernetes. A check is a function that yields problems."""

import copy
import json
import os
import re

import yaml

# Where each of them is made, if not in a build: by Kubeflow Pipelines, by cert-manager or the webhook, by Kubernetes.
MADE_ELSEWHERE = {
    ("ConfigMap", "metadata-grpc-configmap"), ("ConfigMap", "kube-root-ca.crt"), ("Secret", "metadata-service-tls"),
    ("Secret", "metadata-recorder-tls"), ("ServiceAccount", "default"),
}  # fmt: skip

# The one place of the image.
IMAGE = "manifests/metadata/components/image/kustomization.yaml"

# The sidecar.
SIDECAR = "kustomize/components/sidecar/sidecar.yaml"

# Kinds that are of no namespace.
CLUSTER_KINDS = {
    "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "MutatingWebhookConfiguration", "Namespace",
    "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}  # fmt: skip

WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"}

WORKFLOWS = {"Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate"}


class Facts:
    """What the sources say."""

    def __init__(self, root):
        self.root = root
        # The command line reads all variables; what others write into a pod nobody may read.
        self.variables = set(re.findall(r'"(KFMD_[A-Z_]+[A-Z])"', self.swift("Sources/kfmd")))
        self.metrics = set(re.findall(r'"(kfmd_[a-z_]+)"', self.swift("Sources")))
        with open(os.path.join(root, IMAGE)) as file:
            image = yaml.safe_load(file)["images"]
        assert len(image) == 1 and image[0]["name"] == "kfmd", f"{IMAGE}: should name the image kfmd, and no other"
        with open(os.path.join(root, SIDECAR)) as file:
            self.sidecar = yaml.safe_load(file)["template"]["spec"]["initContainers"][0]
        self.repository = image[0]["newName"]
        self.image = f"{self.repository}:{image[0]['newTag']}"


    def swift(self, top):
        text = ""
        for folder, _, files in os.walk(os.path.join(self.root, top)):
            for name in files:
                if name.endswith(".swift"):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        text += file.read()
        return text


class Build:
    """What one kustomization builds."""

    def __init__(self, name, items):
        self.name = name
        self.items = items

    def copy(self):
        return Build(self.name, copy.deepcopy(self.items))

    def of(self, *kinds):
        return [item for item in self.items if item["kind"] in kinds]

    def pods(self):
        """All pod templates, each with the object that it is in."""
        for item in self.items:
            template = template_of(item)
            if template:
                yield item, template

    def selected(self, labels, namespace):
        """The pod templates that labels select."""
        return [
            template
            for item, template in self.pods()
            if namespace_of(item) == namespace and matches(labels, template)
        ]


def name_of(item):
    return f"{item['kind']} {item['metadata']['name']}"


def namespace_of(item):
    return item["metadata"].get("namespace", "")


def template_of(item):
    spec = item.get("spec", {})
    if item["kind"] in WORKLOADS:
        return spec["template"]
    if item["kind"] == "CronJob":
        return spec["jobTemplate"]["spec"]["template"]
    if item["kind"] == "PodTemplate":
        return item["template"]
    if item["kind"] == "Pod":
        return item
    return None


def matches(labels, template):
    return labels.items() <= template.get("metadata", {}).get("labels", {}).items()


def containers(spec):
    return spec.get("initContainers", []) + spec.get("containers", [])


def ports(template):
    """Its ports by name and by number."""
    found = {}
    for container in containers(template["spec"]):
        for port in container.get("ports", []):
            found[port["containerPort"]] = port["containerPort"]
            if "name" in port:
                found[port["name"]] = port["containerPort"]
    return found


def patches(item):
    """The patches of pods that a workflow has, as pod specifications: one for each of its templates."""
    if item["kind"] not in WORKFLOWS:
        return []
    texts = [item["spec"].get("podSpecPatch")]
    of_templates = [texts + [template.get("podSpecPatch")] for template in item["spec"].get("templates", [])]
    return [merged([yaml.safe_load(text) for text in texts if text]) for texts in of_templates or [texts]]


def merged(specs):
    """As Kubernetes merges lists of containers and volumes: by name."""
    result = {}
    for spec in copy.deepcopy(specs):
        for key, values in spec.items():
            if not isinstance(values, list):
                result[key] = values
                continue
            known = {value["name"]: value for value in result.setdefault(key, [])}
            for value in values:
                if value["name"] not in known:
                    result[key].append(value)
                    continue
                mounts = known[value["name"]].get("volumeMounts", []) + value.get("volumeMounts", [])
                known[value["name"]].update(value, volumeMounts=mounts)
    return result


def all_containers(build):
    for item, template in build.pods():
        for container in containers(template["spec"]):
            yield item, container
    for item in build.items:
        for patch in patches(item):
            for container in containers(patch):
                yield item, container
        if item["kind"] in WORKFLOWS:
            for template in item["spec"].get("templates", []):
                for container in [template.get("container")] + template.get("initContainers", []):
                    if container:
                        yield item, {"name": "main"} | container


# MARK: Pods


def sidecars_are_alike(build, facts):
    """The component has the sidecar twice: as Kubernetes takes it, and as Argo Workflows takes it, in a text."""
    known = facts.sidecar
    for item, container in all_containers(build):
        if container["name"] != "kfmd-sidecar":
            continue
        for key in sorted(known.keys() | container.keys()):
            expected, found = known.get(key), container.get(key)
            if key == "volumeMounts":
                found = [mount for mount in found if mount in expected]
            elif key == "image":
                expected = facts.image
            if found != expected:
                yield f"{name_of(item)}: {key} of the sidecar is {found}, not {expected}"
        for mount in container["volumeMounts"]:
            if mount.get("readOnly") is not True:
                yield f"{name_of(item)}: the sidecar may write into {mount['name']}"


def sidecars_are_last(build, facts):
    """Sidecars are stopped in the reverse order of their start: Istio's must outlive ours."""
    for item, template in build.pods():
        names = [container["name"] for container in template["spec"].get("initContainers", [])]
        if "kfmd-sidecar" in names[:-1]:
            yield f"{name_of(item)}: the sidecar is not the last init container"


def is_restricted(build, facts):
    """The Pod Security Standard "restricted"."""
    for item, template in build.pods():
        for text in pod_problems(template["spec"], {}):
            yield f"{name_of(item)}: {text}"
    for item in build.items:
        for patch in patches(item):
            # What it adds must be restricted by itself: the rest of the pod is the workflow's.
            for text in pod_problems(patch, {}):
                yield f"{name_of(item)}, podSpecPatch: {text}"


def pod_problems(spec, inherited):
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"is not restricted: {key}"
    for volume in spec.get("volumes", []):
        kinds = volume.keys() - {"name"}
        allowed = {
            "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
        }  # fmt: skip
        if kinds - allowed:
            yield f"is not restricted: volume {volume['name']} is of {kinds}"
    of_pod = inherited | spec.get("securityContext", {})
    for container in containers(spec):
        of_container = container.get("securityContext", {})
        context = of_pod | of_container
        where = f"is not restricted: container {container['name']}"
        if context.get("runAsNonRoot") is not True:
            yield f"{where} may run as root"
        if context.get("runAsUser") == 0:
            yield f"{where} runs as root"
        if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{where} has no seccompProfile"
        if of_container.get("allowPrivilegeEscalation") is not False or of_container.get("privileged"):
            yield f"{where} may escalate its privileges"
        capabilities = of_container.get("capabilities", {})
        if "ALL" not in capabilities.get("drop", []):
            yield f"{where} keeps capabilities"
        if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            yield f"{where} adds capabilities"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{where} has a port of the host"


def ours_are_read_only(build, facts):
    for item, container in all_containers(build):
        if container.get("image", "").startswith(facts.repository):
            if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
                yield f"{name_of(item)}: container {container['name']} may write to its root file system"
            if not container.get("resources", {}).get("limits", {}).get("memory"):
                yield f"{name_of(item)}: container {container['name']} has no limit of memory"


def images_are_ours(build, facts):
    """Those of examples are example.org's, as are those of the containers that are not ours in patches."""
    for item, container in all_containers(build):
        image = container.get("image", "")
        if image != facts.image and not image.startswith("example.org/"):
            yield f"{name_of(item)}: container {container['name']} has the image {image}, not {facts.image}"
        for variable in container.get("env", []):
            if variable["name"].endswith("_IMAGE") and variable.get("value") != facts.image:
                yield f"{name_of(item)}: {variable['name']} is {variable.get('value')}, not {facts.image}"


def variables_are_known(build, facts):
    for item, container in all_containers(build):
        for variable in container.get("env", []):
            name = variable["name"]
            if name.startswith("KFMD_") and name not in facts.variables:
                yield f"{name_of(item)}: nothing in Sources/ reads {name}"


def probes_have_ports(build, facts):
    for item, template in build.pods():
        for container in containers(template["spec"]):
            own = ports({"spec": {"containers": [container]}})
            for key in ("startupProbe", "readinessProbe", "livenessProbe"):
                for how in ("httpGet", "tcpSocket", "grpc"):
                    port = container.get(key, {}).get(how, {}).get("port")
                    if port is not None and port not in own:
                        yield f"{name_of(item)}: {key} of {container['name']} asks the port {port}, which it has not"


def mounts_have_volumes(build, facts):
    for item, template in build.pods():
        spec = template["spec"]
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in item.get("spec", {}).get("volumeClaimTemplates", [])}
        used = {mount["name"] for container in containers(spec) for mount in container.get("volumeMounts", [])}
        for name in sorted(used - volumes):
            yield f"{name_of(item)}: the volume {name} is mounted, and not there"
        for name in sorted(volumes - used):
            yield f"{name_of(item)}: the volume {name} is not mounted"


# MARK: What refers to what


def selectors_match(build, facts):
    for item, template in build.pods():
        selector = item.get("spec", {}).get("selector", {}).get("matchLabels")
        if item["kind"] in WORKLOADS - {"Job"} and not (selector and matches(selector, template)):
            yield f"{name_of(item)}: its selector does not match its pods' labels"
        spec = template["spec"]
        terms = [
            term.get("podAffinityTerm", term)
            for kind in ("podAffinity", "podAntiAffinity")
            for terms in spec.get("affinity", {}).get(kind, {}).values()
            for term in terms
        ]
        for term in terms + spec.get("topologySpreadConstraints", []):
            if not matches(term["labelSelector"]["matchLabels"], template):
                yield f"{name_of(item)}: it is spread by labels that its pods do not have"
    for item in build.items:
        labels = selector_of(item)
        if labels is not None and not (labels and build.selected(labels, namespace_of(item))):
            yield f"{name_of(item)}: selects no pod"


def selector_of(item):
    """The labels by which an object selects pods; `None` of one that does not."""
    spec = item.get("spec", {})
    if item["kind"] == "Service":
        return spec.get("selector", {})
    if item["kind"] in ("PodDisruptionBudget", "PodMonitor", "AuthorizationPolicy"):
        return spec.get("selector", {}).get("matchLabels", {})
    if item["kind"] == "NetworkPolicy":
        return spec.get("podSelector", {}).get("matchLabels", {})
    return None


def ports_are_there(build, facts):
    for item in build.items:
        for port in ports_of(item):
            for template in build.selected(selector_of(item), namespace_of(item)):
                if port not in ports(template):
                    yield f"{name_of(item)}: the pods that it selects do not have the port {port}"


def ports_of(item):
    spec = item.get("spec", {})
    if item["kind"] == "Service":
        return [port.get("targetPort", port["port"]) for port in spec["ports"]]
    if item["kind"] == "PodMonitor":
        return [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]]
    if item["kind"] == "NetworkPolicy":
        return [port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [])]
    if item["kind"] == "AuthorizationPolicy":
        return [
            int(port)
            for rule in spec.get("rules", [])
            for target in rule.get("to", [])
            for port in target["operation"].get("ports", [])
        ]
    return []


def policies_select(build, facts):
    """An empty selector is all pods of the namespace, also those of others."""
    for item in build.of("NetworkPolicy"):
        if not item["spec"].get("podSelector", {}).get("matchLabels"):
            yield f"{name_of(item)}: its podSelector is empty"


def routes_lead_somewhere(build, facts):
    services = {
        f"{item['metadata']['name']}.{namespace_of(item)}": {port["port"] for port in item["spec"]["ports"]}
        for item in build.of("Service")
    }
    for item in build.of("VirtualService"):
        for route in (route for rule in item["spec"]["http"] for route in rule["route"]):
            host = route["destination"]["host"].removesuffix(".svc.cluster.local")
            if route["destination"]["port"]["number"] not in services.get(host, set()):
                yield f"{name_of(item)}: there is no such port of a Service {host}"
    for item in build.of("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for webhook in item["webhooks"]:
            service = webhook["clientConfig"]["service"]
            host = f"{service['name']}.{service['namespace']}"
            if service.get("port", 443) not in services.get(host, set()):
                yield f"{name_of(item)}: there is no such port of a Service {host}"


def what_is_named_is_there(build, facts):
    there = {(item["kind"], item["metadata"]["name"]) for item in build.items} | MADE_ELSEWHERE
    for item, template in build.pods():
        spec = template["spec"]
        named = [("ServiceAccount", spec.get("serviceAccountName", "default"))]
        for volume in spec.get("volumes", []):
            named.append(("PersistentVolumeClaim", volume.get("persistentVolumeClaim", {}).get("claimName")))
            named.append(("ConfigMap", volume.get("configMap", {}).get("name")))
            named.append(("Secret", volume.get("secret", {}).get("secretName")))
        for source in (source for container in containers(spec) for source in container.get("envFrom", [])):
            named.append(("ConfigMap", source.get("configMapRef", {}).get("name")))
        for kind, name in named:
            if name and (kind, name) not in there:
                yield f"{name_of(item)}: the {kind} {name} is not there"


# MARK: Rights


def bindings_bind(build, facts):
    there = {(item["kind"], namespace_of(item), item["metadata"]["name"]) for item in build.items}
    for item in build.of("RoleBinding", "ClusterRoleBinding"):
        role = item["roleRef"]
        namespace = namespace_of(item) if role["kind"] == "Role" else ""
        if (role["kind"], namespace, role["name"]) not in there:
            yield f"{name_of(item)}: there is no {role['kind']} {role['name']}"
        for subject in item["subjects"]:
            account = ("ServiceAccount", subject.get("namespace", namespace_of(item)), subject["name"])
            if account not in there and account[::2] not in MADE_ELSEWHERE:
                yield f"{name_of(item)}: there is no ServiceAccount {subject['name']}"


def rights_are_named(build, facts):
    for item in build.of("Role", "ClusterRole"):
        for rule in item["rules"]:
            if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"]:
                yield f"{name_of(item)}: a rule has a *"
            if item["kind"] == "ClusterRole" and "secrets" in rule["resources"]:
                yield f"{name_of(item)}: reaches the secrets of all namespaces"


def may(build, verb, resource):
    return any(
        verb in rule["verbs"] and resource in rule["resources"]
        for item in build.of("Role", "ClusterRole")
        for rule in item["rules"]
    )


def pods_are_not_changed(build, facts):
    """The right to change pods is in the build that is named for it only."""
    asked = build.name.endswith(("guard", "write-back"))
    if may(build, "patch", "pods") != asked:
        yield f"{'does not have' if asked else 'has'} the right to patch pods"


def namespaces_stay(build, facts):
    """The overlay for those who have no right on the cluster."""
    if build.name.endswith("overlays/namespaced"):
        for item in build.of(*CLUSTER_KINDS):
            yield f"{name_of(item)}: is of the whole cluster"
    for item in build.items:
        is_of_cluster = item["kind"] in CLUSTER_KINDS
        if build.name.startswith("manifests") and is_of_cluster == bool(namespace_of(item)):
            yield f"{name_of(item)}: {'has' if is_of_cluster else 'does not have'} a namespace"


# MARK: Webhooks


def webhooks_stop_nobody(build, facts):
    for item in build.of("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for webhook in item["webhooks"]:
            where = f"{name_of(item)}: {webhook['name']}"
            if webhook["failurePolicy"] != "Ignore":
                yield f"{where} stops pods when it is away"
            if webhook["timeoutSeconds"] > 2:
                yield f"{where} may take more than 2 s"
            if webhook["sideEffects"] != "None":
                yield f"{where} has side effects"
            if any("pods" in rule["resources"] for rule in webhook["rules"]):
                expressions = webhook["namespaceSelector"]["matchExpressions"]
                left_out = {
                    value
                    for expression in expressions
                    if expression["key"] == "kubernetes.io/metadata.name" and expression["operator"] == "NotIn"
                    for value in expression["values"]
                }
                missing = {"kube-system", "kube-node-lease", "kube-public", "kubeflow"} - left_out
                if missing:
                    yield f"{where} is asked of pods in {', '.join(sorted(missing))}"


# MARK: Metrics


def probes_and_monitors_find_them(build, facts):
    """Where the metrics are: with a port for health nowhere else, and there without TLS."""
    for item, template in build.pods():
        for container in containers(template["spec"]):
            listens = {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}
            address = listens.get("KFMD_HEALTH_LISTEN") or listens.get("KFMD_HTTP_LISTEN")
            if not address:
                continue
            own = ports({"spec": {"containers": [container]}})
            port = int(address.rpartition(":")[2])
            asked = {
                (f"{name_of(item)}: {key}", container[key]["httpGet"]["port"])
                for key in ("startupProbe", "readinessProbe", "livenessProbe")
                if "httpGet" in container.get(key, {})
            }
            asked |= {
                (name_of(monitor), endpoint["port"])
                for monitor in build.of("PodMonitor")
                if template in build.selected(selector_of(monitor), namespace_of(monitor))
                for endpoint in monitor["spec"]["podMetricsEndpoints"]
            }
            for who, name in sorted(asked):
                if own.get(name) != port:
                    yield f"{who} asks the port {name}, health and metrics are on {port}"


def metrics_exist(build, facts):
    for item, expression in expressions(build):
        for name in re.findall(r"\bkfmd_[a-z_]+", expression):
            family = re.sub("_(bucket|sum|count)$", "", name)
            if not {name, family} & facts.metrics:
                yield f"{name_of(item)}: there is no metric {name}"


def expressions(build):
    for item in build.of("PrometheusRule"):
        for group in item["spec"]["groups"]:
            for rule in group["rules"]:
                yield item, rule["expr"]
    for item in build.of("ConfigMap"):
        if "grafana_dashboard" in item["metadata"].get("labels", {}):
            for text in item["data"].values():
                for panel in json.loads(text)["panels"]:
                    for target in panel.get("targets", []):
                        yield item, target["expr"]


CHECKS = [
    sidecars_are_alike, sidecars_are_last, is_restricted, ours_are_read_only, images_are_ours, variables_are_known, probes_have_ports, mounts_have_volumes,
    selectors_match, ports_are_there, policies_select, routes_lead_somewhere, what_is_named_is_there, bindings_bind,
    rights_are_named, pods_are_not_changed, namespaces_stay, webhooks_stop_nobody, metrics_exist,
    probes_and_monitors_find_them,
]  # fmt: skip


def problems(build, facts):
    return [text for check in CHECKS for text in check(build, facts)]


def source_problems(facts):
    """The image stands in one place, all others say kfmd."""
    found = []
    for top in ("manifests", "kustomize"):
        for folder, _, files in os.walk(os.path.join(facts.root, top)):
            for name in files:
                path = os.path.join(folder, name)
                place = os.path.relpath(path, facts.root)
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                if place != IMAGE and (facts.repository in text or "newName:" in text or "newTag:" in text):
                    found.append(f"{place}: names the image, which stands in {IMAGE}")
                for image in re.findall(r'(?m)^[ -]*image: *"?([^\s"]+)', text):
                    if image != "kfmd" and not image.startswith("example.org/"):
                        found.append(f"{place}: image {image}: should be kfmd")
    return found


def problems_of_all(builds):
    """What only several builds together show."""
    named = {build.name: build for build in builds}
    base = {json.dumps(rule, sort_keys=True) for rule in rules_of(named, "manifests/metadata/base", "ClusterRole")}
    some = {json.dumps(rule, sort_keys=True) for rule in rules_of(named, "manifests/metadata/overlays/namespaced", "Role")}
    cluster = [rule for rule in map(json.loads, base - some) if rule["resources"][0] not in CLUSTER_RESOURCES]
    return [f"overlays/namespaced: does not have the right {rule}" for rule in cluster]


CLUSTER_RESOURCES = {"customresourcedefinitions", "namespaces"}


def rules_of(named, name, kind):
    if name not in named:
        return []
    return [
        rule
        for item in named[name].of(kind)
        if item["metadata"]["name"] == "kubeflow-metadata-recorder"
        for rule in item["rules"]
    ]
