"""The bill of materials of this environment as CycloneDX 1.6 JSON: each distribution with version, licence, address.

It reads the metadata of what is installed and nothing else, so it needs no network: ``make sbom``.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution, distributions


def component(found: Distribution) -> dict[str, object]:
    """One distribution; its licence as its metadata says it."""
    about = found.metadata
    name, version = about["Name"], found.version
    licence = about.get("License-Expression") or about.get("License") or ""
    stated = {"licenses": [{"license": {"name": licence.splitlines()[0][:120]}}]} if licence.strip() else {}
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, **stated}


def bill() -> dict[str, object]:
    """The whole bill, in the order of names; without a time, so that the same environment gives the same bytes."""
    installed = {found.metadata["Name"].lower(): found for found in distributions() if found.metadata["Name"]}
    own = installed.pop("export-forecast", None)
    subject = {} if own is None else {"metadata": {"component": {**component(own), "type": "application"}}}
    parts = [component(installed[name]) for name in sorted(installed)]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, **subject, "components": parts}


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=2)
    print()
