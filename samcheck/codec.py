"""Strict reading and writing of the guest's records with msgspec, fast enough for thousands of results.

The guest's dataclasses depend on no library. Structs are derived from them, field by field, because msgspec
accepts unknown fields for dataclasses but can refuse them for its own structs. A struct has the fields of its
dataclass, so code that uses these accepts either; `whole` converts to the dataclass, which costs as much as
reading the file again.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import or_
from types import FunctionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")


class RecordDecoder(Generic[T]):
    """Decoder for one of the guest's dataclasses."""

    def __init__(self, record: type[T]) -> None:
        self._record, self._struct = record, _struct(record)
        self._decoder = msgspec.json.Decoder(self._struct)

    def read(self, content: bytes) -> T:
        """Parse JSON into a struct with the fields of the dataclass.

        Raises:
            ValueError: it does not have this shape; the message says what is wrong and where.
        """
        try:
            return self._decoder.decode(content)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            problem, _, where = str(error).partition(" - at `$")
            raise ValueError(f"{where.strip('`.') or 'the file'}: {problem}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"the file: Invalid JSON: {error}") from None

    def taken(self, value: object) -> T:
        """Convert the output of `json.loads` to the dataclass.

        Raises:
            ValueError: it does not have this shape.
        """
        try:
            return self.whole(msgspec.convert(value, self._struct))
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    def whole(self, read: T) -> T:
        """Convert a struct to the dataclass."""
        return msgspec.convert(read, self._record, from_attributes=True)


def _struct(record: Any) -> Any:
    hints = get_type_hints(record)
    fields = [
        (field.name, _swapped(hints[field.name]), *_default(field)) for field in dataclasses.fields(record)
    ]
    # They have no cycles, so the garbage collector need not scan millions of them.
    return msgspec.defstruct(
        record.__name__, fields, namespace=_own(record), frozen=True, forbid_unknown_fields=True, gc=False
    )


def _own(record: Any) -> dict[str, Any]:
    """Return the properties and methods defined in a dataclass."""
    return {
        name: member
        for name, member in vars(record).items()
        if not name.startswith("_") and isinstance(member, property | FunctionType)
    }


def _swapped(hint: Any) -> Any:
    """Return a type with its dataclasses replaced by structs."""
    if dataclasses.is_dataclass(hint):
        return _struct(hint)
    inner = tuple(map(_swapped, get_args(hint)))
    if not inner:
        return hint
    return reduce(or_, inner) if get_origin(hint) is Union else get_origin(hint)[inner]


def _default(field: dataclasses.Field[Any]) -> tuple[Any, ...]:
    if field.default_factory is not dataclasses.MISSING:
        return (msgspec.field(default_factory=field.default_factory),)
    return () if field.default is dataclasses.MISSING else (field.default,)


def replace(record: T, **changes: Any) -> T:
    """Replace fields as `dataclasses.replace` does, for structs too."""
    if isinstance(record, msgspec.Struct):
        return msgspec.structs.replace(record, **changes)
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]


def as_dict(record: Any) -> dict[str, Any]:
    """Return the fields as `vars` does, for structs too."""
    return msgspec.structs.asdict(record) if isinstance(record, msgspec.Struct) else dict(vars(record))


def to_json(record: Any, indent: int | None = None) -> bytes:
    """Encode a dataclass or a struct, with `indent` spaces per level, or on one line."""
    content = msgspec.json.encode(record)
    return content if indent is None else msgspec.json.format(content, indent=indent)


@contextmanager
def uncollected() -> Iterator[None]:
    """Disable garbage collection while reading thousands of results: they have no cycles to search for."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
