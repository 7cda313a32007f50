"""The checks; in an installed samcheck `samcheck.suite`, for ``pytest --pyargs samcheck.suite``."""
