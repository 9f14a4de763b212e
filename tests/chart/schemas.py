#!/usr/bin/env python3
"""Makes JSON schemas of the kinds that the chart uses, for kubeconform; see README.md.

    tests/chart/schemas.py SWAGGER_JSON CRD_YAML...

SWAGGER_JSON is api/openapi-spec/swagger.json of the Go module k8s.io/kubernetes, CRD_YAML a file of definitions of
custom resources. Objects may have no other keys than those described, as the API server warns of. Needs PyYAML for
CRD_YAML only. Writes KIND-GROUP-VERSION.json into schemas/ beside this file.
"""

import json
import sys
from pathlib import Path

KINDS = {
    ("", "v1"): ["ConfigMap", "Secret", "Service", "ServiceAccount"],
    ("apps", "v1"): ["DaemonSet", "StatefulSet"],
    ("networking.k8s.io", "v1"): ["Ingress", "NetworkPolicy"],
    ("policy", "v1"): ["PodDisruptionBudget"],
    ("rbac.authorization.k8s.io", "v1"): ["ClusterRole", "ClusterRoleBinding"],
}
CUSTOM = ["ServiceMonitor"]
OUT = Path(__file__).resolve().parent / "schemas"
REFERENCE = "#/definitions/"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
# Nothing is checked by these.
WORDS = ("description", "x-kubernetes-group-version-kind", "default")


def strict(schema):
    """A schema without words, with one that refuses keys it does not name, and numbers where Kubernetes takes both."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    result = {}
    for key, value in schema.items():
        if key in ("properties", "definitions"):
            result[key] = {name: strict(item) for name, item in value.items()}
        elif key not in WORDS and not key.startswith("x-kubernetes-") and key != "format":
            result[key] = strict(value)
    if "properties" in result and "additionalProperties" not in result:
        result["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return result


def references(schema):
    """Names of the definitions that a schema refers to."""
    if isinstance(schema, list):
        return set().union(*map(references, schema), set())
    if not isinstance(schema, dict):
        return set()
    found = {schema["$ref"].removeprefix(REFERENCE)} if isinstance(schema.get("$ref"), str) else set()
    return found.union(*map(references, schema.values()), set())


def with_definitions(name, definitions):
    schema, used, open_names = dict(definitions[name]), set(), references(definitions[name])
    while open_names:
        used |= open_names
        open_names = set().union(*(references(definitions[n]) for n in open_names)) - used
    schema["definitions"] = {n: definitions[n] for n in sorted(used)}
    return schema


def write(kind, group, version, schema):
    middle = f"-{group.split('.')[0]}" if group else ""
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
    schema["required"] = sorted({*schema.get("required", []), "apiVersion", "kind", "metadata"})
    path = OUT / f"{kind.lower()}{middle}-{version}.json"
    path.write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")


def of_kubernetes(path):
    definitions = json.loads(Path(path).read_text(encoding="utf-8"))["definitions"]
    clean = {name: strict(schema) for name, schema in definitions.items()}
    clean[QUANTITY] = {"type": ["string", "number"]}
    names = {
        (one["group"], one["version"], one["kind"]): name
        for name, schema in definitions.items()
        for one in schema.get("x-kubernetes-group-version-kind", [])
    }
    for (group, version), kinds in KINDS.items():
        for kind in kinds:
            write(kind, group, version, with_definitions(names[group, version, kind], clean))


def of_custom_resources(path):
    import yaml

    for crd in yaml.safe_load_all(Path(path).read_text(encoding="utf-8")):
        spec = crd["spec"]
        if spec["names"]["kind"] not in CUSTOM:
            continue
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # It says no more of them than that they are an object.
            schema["properties"]["metadata"] = {"type": "object"}
            write(spec["names"]["kind"], spec["group"], version["name"], schema)


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    OUT.mkdir(exist_ok=True)
    of_kubernetes(sys.argv[1])
    for path in sys.argv[2:]:
        of_custom_resources(path)
    return 0


sys.exit(main())
