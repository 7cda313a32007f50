"""What is installed in a Python, which of its files are really there, and which libraries it really loads.

Cells are fresh; environments of production are upgraded in place, and their packages' metadata is then often
wrong. Reading (`reading`, `loaded_libraries`) needs only the standard library, and works without PyTorch or
with a broken one. Judging (`judgement`) is pure: `samcheck doctor` does it on the host, the suite in cells.
"""
