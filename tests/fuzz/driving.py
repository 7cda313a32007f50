"""One target under atheris, in a process of its own, which ends with the first input that goes wrong.

    python -m tests.fuzz.driving TARGET FOLDER SECONDS

Only here is atheris needed. What it has found before is in FOLDER/corpus, what went wrong in FOLDER/crash-*.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from random import Random

import atheris

from tests import fuzz

#: Seconds for one input, and MiB for all of them: what takes more hangs, or takes all memory.
LONGEST_SECONDS, LARGEST_MIB = 20, 2048
#: Bytes of an input.
LARGEST = 300_000


def main(name: str, folder: Path, seconds: int) -> None:
    """Try inputs for so long."""
    with atheris.instrument_imports(include=["samcheck", "tomllib"]):
        target = fuzz.load(name)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds:
        (corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "timeout": LONGEST_SECONDS,
        "rss_limit_mb": LARGEST_MIB,
        "max_len": LARGEST,
        "artifact_prefix": f"{folder}/",
        "verbosity": 0,
        "print_final_stats": 1,
    }
    arguments = [sys.argv[0], str(corpus), *(f"-{option}={value}" for option, value in options.items())]

    def mutated(content: bytes, most: int, seed: int) -> bytes:
        chance = Random(seed)
        if target.mutate is None or chance.random() < 0.3:
            return bytes(atheris.Mutate(content, most))
        return target.mutate(content, chance)[:most]

    atheris.Setup(arguments, target.take, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
