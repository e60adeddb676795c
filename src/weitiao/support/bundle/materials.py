"""The software bill of materials: each package with version, licence and hash (CycloneDX JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weitiao.support.bundle.wheels import OURS, Wheel

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

LONGEST = 80  # characters; what is longer is a licence's text, not its name
FILE = "sbom.cdx.json"


def bill(wheels: Sequence[Wheel]) -> str:
    """The bill as JSON text, the same for the same wheels but for its time and serial number."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    bom = Bom()
    components = {wheel.name: _component(wheel) for wheel in wheels}
    ours = components.pop(OURS, None) or Component(name=OURS, type=ComponentType.APPLICATION)
    bom.metadata.component = ours
    for component in components.values():
        bom.components.add(component)
    bom.register_dependency(ours, components.values())
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _component(wheel: Wheel) -> Component:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name, version = wheel.name, wheel.version
    kind = ComponentType.APPLICATION if name == OURS else ComponentType.LIBRARY
    purl = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
    licences = licences_of(wheel.metadata)
    factory = LicenseFactory()
    made: list[Any] = [factory.make_from_string(text) for text in licences]
    return Component(
        name=name,
        version=version,
        type=kind,
        description=wheel.metadata["Summary"],
        licenses=made if len(made) < 2 else [factory.make_with_name(text) for text in licences],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheel.sha256)],
        purl=purl,
        bom_ref=str(purl),
    )


def licences_of(told: Any) -> list[str]:
    """What a package says of its licence, from the surest field to the least sure."""
    if told["License-Expression"]:
        return [str(told["License-Expression"])]
    named = str(told["License"] or "").strip()
    if named and named.upper() != "UNKNOWN" and "\n" not in named and len(named) <= LONGEST:
        return [named]
    classifiers = [str(c) for c in told.get_all("Classifier") or []]
    return [
        c.split(" :: ")[-1]
        for c in classifiers
        if c.startswith("License :: ") and c != "License :: OSI Approved"
    ]
