"""Runs `first_call` in its own process."""

from __future__ import annotations

from .first_call import main

main()
