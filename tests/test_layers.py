"""The layers: a module imports only what stands below it, so that it can be read and tested alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_cfn.config import ROOT
from tests import sources

# A workload is a module of its own; what they share begins with an underscore.
WORKLOADS = sorted(file.stem for file in (ROOT / "fraud_cfn/platform/services").glob("[!_]*.py"))

# Lowest first; modules of one row do not import each other. It is the table of how the code is laid out.
LAYERS = (
    ("config", "names", "streams"),
    (
        "platform.intrinsics",
        "template.combinations",
        "template.constraints",
        "template.document",
        "template.scenarios",
    ),
    ("platform.naming", "platform.widgets", "template.validation", "template.environments"),
    ("platform.parameters",),
    ("platform.permissions",),
    ("platform.network", "platform.firewall", "platform.storage", "platform.messaging"),
    ("platform.database", "platform.cluster", "platform.load_balancer"),
    (
        "platform.services._image",
        "platform.services._task",
        "platform.services._scaling",
        "platform.services._service",
        "platform.services._traffic",
    ),
    tuple(f"platform.services.{workload}" for workload in WORKLOADS),
    ("platform.dashboard",),
    ("platform.outputs",),
    ("platform.stack",),
    ("template.render", "template.schema"),
    ("template.generation",),
)
LAYER_OF = {f"fraud_cfn.{module}": level for level, modules in enumerate(LAYERS) for module in modules}

# The rooms of `deploy/`, lowest first: a module imports its own room and lower ones only.
ROOMS = ("terminal", "account", "stack", "running", "change", "verbs")

# What works on the rendered file, and so never sees a builder: what was reviewed is what is deployed.
READERS = ("deploy", "local", "prove", "review")
READABLE = {
    f"fraud_cfn.{module}"
    for module in (
        "config",
        "names",
        "streams",
        "template.combinations",
        "template.constraints",
        "template.document",
        "template.environments",
        "template.scenarios",
        "template.validation",
    )
}
BUILDING = {"troposphere", "awacs"}
SDK = {"boto3", "botocore"}
VALIDATORS = {"cfnlint", "cloudformation_validate"}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules(*folders: str) -> list[str]:
    files = (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return [module_of(file) for file in files]


def tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    return sources.tree(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))


def imported(module: str, text: str | None = None) -> Iterator[str]:
    """Full names of the modules it imports, at its top or within a function."""
    for node in ast.walk(tree(module) if text is None else ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports by full names only"
            assert node.module
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if is_module(full) else node.module


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def packages(module: str) -> set[str]:
    return {name.split(".")[0] for name in imported(module)}


ALL = modules("fraud_cfn")
READING = modules(*(f"fraud_cfn/{reader}" for reader in READERS))
BUILDERS = [module for module in ALL if module not in READING]


def test_every_module_has_its_layer() -> None:
    folders = {"fraud_cfn", "fraud_cfn.platform", "fraud_cfn.platform.services", "fraud_cfn.template"}
    assert set(BUILDERS) - folders == set(LAYER_OF)
    assert not any(list(imported(folder)) for folder in folders)


@pytest.mark.parametrize("module", LAYER_OF)
def test_a_module_imports_only_lower_layers(module: str) -> None:
    for name in imported(module):
        if name.startswith("fraud_cfn"):
            assert name in LAYER_OF, f"{module} imports {name}"
            assert LAYER_OF[name] < LAYER_OF[module], f"{module} imports {name}"


@pytest.mark.parametrize("module", READING)
def test_what_works_on_the_rendered_file_never_imports_a_builder(module: str) -> None:
    for name in imported(module):
        if name.startswith("fraud_cfn"):
            assert name in READABLE or name in READING, f"{module} imports {name}"
    assert not packages(module) & BUILDING


@pytest.mark.parametrize("module", modules(*(f"fraud_cfn/deploy/{room}" for room in ROOMS)))
def test_a_room_of_the_command_imports_itself_and_lower_rooms(module: str) -> None:
    room = ROOMS.index(module.split(".")[2])
    for name in imported(module):
        if name.startswith("fraud_cfn.deploy.") and name != "fraud_cfn.deploy.errors":
            assert name.split(".")[2] in ROOMS[: room + 1], f"{module} imports {name}"


def test_every_module_of_the_command_is_in_a_room() -> None:
    outside = [module.split(".")[2] for module in modules("fraud_cfn/deploy") if module.count(".") > 1]
    assert set(outside) - set(ROOMS) == {"__main__", "cli", "demo", "errors", "make"}


def test_only_deployment_and_the_local_endpoint_import_the_sdk() -> None:
    for module in [*BUILDERS, "generate"]:
        assert not packages(module) & SDK, module
    # else the check would be blind
    assert any(packages(module) & SDK for module in modules("fraud_cfn/deploy"))


def test_only_validation_imports_the_validators() -> None:
    assert [module for module in ALL if packages(module) & VALIDATORS] == [
        "fraud_cfn.prove.engine",
        "fraud_cfn.template.validation",
    ]


def test_services_know_nothing_of_each_other() -> None:
    services = [f"fraud_cfn.platform.services.{workload}" for workload in WORKLOADS]
    assert len(services) >= 3
    for service in services:
        assert not set(services) & set(imported(service)), service


def test_nothing_in_the_package_imports_the_tests_or_the_benchmark() -> None:
    for module in ALL:
        assert not packages(module) & {"tests", "bench"}, module


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import boto3.session", ["boto3.session"]),
        ("from fraud_cfn import config, local as n", ["fraud_cfn.config", "fraud_cfn.local"]),
        ("from fraud_cfn.config import PORT", ["fraud_cfn.config"]),
        ("def f():\n    from fraud_cfn.platform.services import api", ["fraud_cfn.platform.services.api"]),
        ("if TYPE_CHECKING:\n    import cloudformation_validate as cfv", ["cloudformation_validate"]),
    ],
)
def test_an_import_is_seen_wherever_it_stands(text: str, names: list[str]) -> None:
    assert list(imported("x", text)) == names
