"""The guest's records as msgspec reads and writes them: strictly, and fast enough for thousands of results.

The guest's dataclasses know nothing of any library. Structs are made from them, field by field, because
msgspec lets a dataclass have fields in a file that it does not know, and refuses those of its own structs.
A struct has the fields of its dataclass, so that whatever looks at these takes either; `whole` gives the
dataclass, at the price of reading the file once more.
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
    """Reads one dataclass of the guest's."""

    def __init__(self, record: type[T]) -> None:
        self._record, self._struct = record, _struct(record)
        self._decoder = msgspec.json.Decoder(self._struct)

    def read(self, content: bytes) -> T:
        """What has the fields of the dataclass, out of JSON.

        Raises:
            ValueError: it is not of this shape; the message says what is wrong and where.
        """
        try:
            return self._decoder.decode(content)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            problem, _, where = str(error).partition(" - at `$")
            raise ValueError(f"{where.strip('`.') or 'the file'}: {problem}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"the file: Invalid JSON: {error}") from None

    def taken(self, value: object) -> T:
        """The dataclass, out of what `json.loads` gives.

        Raises:
            ValueError: it is not of this shape.
        """
        try:
            return self.whole(msgspec.convert(value, self._struct))
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    def whole(self, read: T) -> T:
        """The dataclass."""
        return msgspec.convert(read, self._record, from_attributes=True)


def _struct(record: Any) -> Any:
    hints = get_type_hints(record)
    fields = [
        (field.name, _swapped(hints[field.name]), *_default(field)) for field in dataclasses.fields(record)
    ]
    # They hold no cycles, so that the garbage collector need not look through millions of them.
    return msgspec.defstruct(
        record.__name__, fields, namespace=_own(record), frozen=True, forbid_unknown_fields=True, gc=False
    )


def _own(record: Any) -> dict[str, Any]:
    """The properties and methods that a dataclass was written with."""
    return {
        name: member
        for name, member in vars(record).items()
        if not name.startswith("_") and isinstance(member, property | FunctionType)
    }


def _swapped(hint: Any) -> Any:
    """A type with structs in place of the dataclasses in it."""
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
    """As `dataclasses.replace`, also of what was read."""
    if isinstance(record, msgspec.Struct):
        return msgspec.structs.replace(record, **changes)
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]


def as_dict(record: Any) -> dict[str, Any]:
    """As `vars`, also of what was read."""
    return msgspec.structs.asdict(record) if isinstance(record, msgspec.Struct) else dict(vars(record))


def to_json(record: Any, indent: int | None = None) -> bytes:
    """Of a dataclass or of what was read; `indent` spaces for each level, or one line."""
    content = msgspec.json.encode(record)
    return content if indent is None else msgspec.json.format(content, indent=indent)


@contextmanager
def uncollected() -> Iterator[None]:
    """While thousands of results are read: none has a cycle, to look for some takes a quarter of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
