"""Seeded faults: does the suite see what really goes wrong with SAM in deployment?

    python -m tests.faults --only 'normalisation-*'

Each fault (`catalogue`) is a small patch of the installed packages. It is seeded in the processes of one run
of the suite only: `start/sitecustomize.py` waits in each Python that the run starts until the package is
imported, and patches it then (`seed`). First, all faults are tried in forks of one run, which share its
imports and collection (`forks`); what no fork sees gets a run of its own. The host's half starts the suite
(`runs`), compares what its journal says with that of a run without a fault (`verdict`) and tabulates
(`table`). Nothing in the suite knows of any of this, and no fault looks at the suite.

`catalogue`, `evidence`, `fault`, `forks`, `order`, `patching` and `seed` run inside cells: Python 3.8, no
other packages.
"""
