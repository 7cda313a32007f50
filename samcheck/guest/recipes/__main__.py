"""`first_call` in a process of its own."""

from __future__ import annotations

from .first_call import main

main()
