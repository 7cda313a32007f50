"""Writes one piece of evidence to a file, as JSON."""

from __future__ import annotations

import json
import sys

from . import EVIDENCE

_, name, path = sys.argv
value = json.dumps(EVIDENCE[name](), sort_keys=True)
with open(path, "w", encoding="utf-8") as stream:
    stream.write(value)
