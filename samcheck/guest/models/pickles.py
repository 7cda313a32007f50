"""The names that a pickle would import, found without running it.

A pickle is a program: loading it may call anything that it can name. `torch.load(weights_only=True)`
refuses names, but is not safe before PyTorch 2.6
(https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6).
"""

from __future__ import annotations

import pickletools
import re
from typing import BinaryIO, Dict, List, Optional, Set

#: What `torch.save` needs for a dictionary of tensors.
_TENSORS = re.compile(
    r"collections\.OrderedDict"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|tensor_v3|parameter)"
    r"|torch\.(cuda\.|storage\.)?[A-Z]\w*Storage"
    r"|torch\.(Size|device|float\d+|bfloat16|u?int\d+|bool)"
)

#: Data that people save along with tensors: refused as well, but not an attack.
_DATA = re.compile(
    r"argparse\.Namespace"
    r"|numpy\.(_core|core)\.multiarray\.(scalar|_reconstruct)|numpy\.(dtype|ndarray)|_codecs\.encode"
    r"|collections\.(defaultdict|Counter)|pathlib\.(Posix|Windows)Path"
)

_STRINGS = {
    "UNICODE",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
}


def imported(stream: BinaryIO) -> Set[str]:
    """Return the names ``module.attribute`` that the pickle at the stream's position would import.

    Leave the stream after the pickle. A name that is built while the pickle runs counts as ``(computed)``.

    Raises:
        ValueError: this is not a pickle, or its end is missing.
    """
    names: Set[str] = set()
    memo: Dict[int, Optional[str]] = {}
    strings: List[Optional[str]] = []  # top of the stack, as long as nothing else touches it
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in _STRINGS:
            strings.append(str(argument))
        elif opcode.name in ("BINGET", "LONG_BINGET", "GET"):
            strings.append(memo.get(int(str(argument))))
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = strings[-1] if strings else None
        elif opcode.name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[int(str(argument))] = strings[-1] if strings else None
        else:
            if opcode.name in ("GLOBAL", "INST"):
                names.add(str(argument).replace(" ", ".", 1))
            elif opcode.name == "STACK_GLOBAL":
                pair = [string for string in strings[-2:] if string is not None]
                names.add(".".join(pair) if len(pair) == 2 else "(computed)")
            elif opcode.name.startswith("EXT"):
                names.add("(extension {})".format(argument))
            strings = []
    return names


def foreign(names: Set[str]) -> List[str]:
    """Return the names that tensors do not need, sorted."""
    return sorted(name for name in names if not _TENSORS.fullmatch(name))


def only_data(names: List[str]) -> bool:
    """Whether all of these foreign names are data that people save along with tensors."""
    return all(_DATA.fullmatch(name) for name in names)
