"""Benchmarks of two cells in turns: one process of each, one of which always waits for the other.

A shared machine's speed changes from one process to the next, but much less within a tenth of a second. The
ratio of consecutive turns is compared therefore, after A. Abedi and T. Brecht,
"Conducting Repeatable Experiments in Highly Variable Cloud Computing Environments", ICPE 2017 (randomized
multiple interleaved trials).
"""

from samcheck.analysis.interleave.paired_run import PairedRun, run_in_turns
from samcheck.analysis.interleave.turn_server import TurnServer

__all__ = ["PairedRun", "TurnServer", "run_in_turns"]
