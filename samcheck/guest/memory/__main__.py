"""Provokes real allocation failures and measures what they leave behind.

    python -m samcheck.guest.memory --device cpu --variant tiny --precision fp32
    python -m samcheck.guest.memory --device cpu --variant tiny --task place '{"place": "encoder"}'
    python -m samcheck.guest.memory --device cpu --variant tiny --serve

The first prints a list of `Recovery` as JSON, one per precision; the second prints the result of one of
`tasks`. The last reads tasks from its input (`fork_server.serve`). It needs its own process, since an
address-space limit applies to a whole process; on the CPU, set MALLOC_ARENA_MAX=1 as the fixtures do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import Any, Callable, Dict, List, Optional

import segment_anything  # noqa: F401  # before forking, so that no copy has to import it
import torch

from .. import cuda_graphs, fresh_encoder
from ..models import precisions, variants, weights
from ..models.variant import Variant
from . import (
    batch,
    context_size,
    failure_points,
    fork_server,
    leaks,
    many_sizes,
    narrow_encoder,
    other_backends,
    peaks,
    strategy_comparison,
    throughput,
    video_failure,
)
from .process_memory import steady_allocator


def tasks(variant: Variant, device: str) -> Dict[str, Callable[..., Any]]:
    """The available tasks; each returns dictionaries, lists, strings and numbers."""

    def recorded(work: Callable[..., Any]) -> Callable[..., Any]:
        def task(**arguments: Any) -> Any:
            records = work(variant, device, **arguments)
            return [asdict(record) for record in records] if isinstance(records, list) else asdict(records)

        return task

    def steady(work: Callable[..., Any]) -> Callable[..., Any]:
        def task(**arguments: Any) -> Any:
            steady_allocator()
            return recorded(work)(**arguments)

        return task

    return {
        "batch": steady(batch.recoveries),
        "place": steady(failure_points.provoke_at),
        "strategies": steady(strategy_comparison.compare),
        "retry": steady(strategy_comparison.retried),
        "leaks": steady(leaks.course),
        "peaks": steady(peaks.peaks),
        "largest": steady(peaks.largest),
        "elsewhere": steady(other_backends.encoding),
        "narrowed": steady(narrow_encoder.encoding),
        "encoded-bits": recorded(fresh_encoder.encoded_bits),
        "replayed": recorded(cuda_graphs.replayed),
        "throughput": steady(throughput.over_batches),
        "context": recorded(context_size.measure),
        "sizes": recorded(many_sizes.over_sizes),
        "video": steady(video_failure.video_failure),
    }


def main(arguments: Optional[List[str]] = None) -> None:
    variants.discover()
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.memory")
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--variant", choices=sorted(variants.VARIANTS), required=True)
    parser.add_argument("--precision", action="append", choices=sorted(precisions.PRECISIONS), default=[])
    parser.add_argument("--task", nargs=2, metavar=("NAME", "JSON"), default=("batch", ""))
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args(arguments)
    if not (options.serve or options.precision or options.task[1]):
        parser.error("nothing to do: give --precision, --task or --serve")
    torch.set_grad_enabled(False)
    known = tasks(variants.VARIANTS[options.variant], options.device)
    if options.serve:
        if options.device == "cuda":  # on a CPU, whose memory is measured, each copy loads its own
            steady_allocator()
            weights.keep(variants.VARIANTS[options.variant])
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # other output must not mix with the answers
        fork_server.serve(known, sys.stdin, answers)
        return
    name, text = options.task
    task_arguments = json.loads(text) if text else {"names": options.precision}
    json.dump(known[name](**task_arguments), sys.stdout)


if __name__ == "__main__":
    main()
