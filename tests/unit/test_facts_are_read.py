"""What the facts say is asked somewhere: a fact that is never consulted answers YES by its silence."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from samcheck.facts import FOLDER, TABLES, Fact

PACKAGE = Path(__file__).parents[2] / "samcheck"
#: Where fields are declared, which is no use of them.
SCHEMAS = {"schema.py", "hardware_schema.py", "claim_schema.py", "sam_schema.py"}
#: Fields that decide nothing: `samcheck facts` shows them to people.
SHOWN = {
    ("Claim", "batch"),
    ("Claim", "resolution"),
    ("CompatibilityRule", "checked"),
    ("SamPackage", "licence"),
}


@cache
def attributes() -> frozenset[str]:
    """Every name that some code reads as an attribute."""
    files = (path for path in PACKAGE.rglob("*.py") if path.name not in SCHEMAS)
    return frozenset(
        node.attr
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    )


def models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """A row's model and those of the rows inside it."""
    found = {model}
    for field in model.model_fields.values():
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and get_origin(inner) is None and issubclass(inner, BaseModel):
                found |= models(inner)
    return found


FIELDS = sorted(
    {
        (model.__name__, name)
        for _, _, row in TABLES.values()
        for model in models(row)
        for name in set(model.model_fields) - set(Fact.model_fields)
    }
)


@pytest.mark.parametrize(("model", "field"), FIELDS)
def test_a_field_of_the_facts_is_read(model: str, field: str) -> None:
    """By some rule or command; what is for people only is listed, as long as that is so."""
    assert (field in attributes()) is ((model, field) not in SHOWN)


def test_every_table_of_the_files_is_loaded() -> None:
    known = {(file, key) for file, key, _ in TABLES.values()}
    found = {
        (path.stem, key)
        for path in FOLDER.glob("*.toml")
        for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    assert found <= known
