"""The checks; installed as `samcheck.suite`, for ``pytest --pyargs samcheck.suite``."""
