"""What uv says when an installation fails → one sentence with a remedy."""

from __future__ import annotations

import re

from samcheck.environments.error_patterns import Diagnosis, ErrorPattern, explain
from samcheck.guest.outcomes import FailureCause

# In the order of trust: a full disk also breaks downloads.
_PATTERNS = (
    ErrorPattern(
        r"No space left on device|Disk quota exceeded",
        FailureCause.DISK,
        "the disk is full: free space, for example with `samcheck clean`, and run again with --resume",
    ),
    ErrorPattern(
        r"No interpreter found|No download found|no Python .* found|python-build-standalone",
        FailureCause.INTERPRETER,
        "no such Python on this machine, and uv could not download one: install it (pyenv, "
        "your distribution) or run where uv reaches its downloads",
    ),
    ErrorPattern(
        r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED|UnknownIssuer",
        FailureCause.CERTIFICATE,
        "the package index presents a certificate that is not trusted here: name your company's "
        "CA bundle with --ca-bundle or SAMCHECK_CA_BUNDLE",
    ),
    ErrorPattern(
        r"dns error|Temporary failure in name resolution|Network is unreachable|error sending request"
        r"|Connection refused|Could not connect|timed? out",
        FailureCause.NETWORK,
        "the package index could not be reached: check the network or the proxy, then run again "
        "with --resume",
    ),
    ErrorPattern(
        r"401 Unauthorized|403 Forbidden|407 Proxy",
        FailureCause.CREDENTIALS,
        "the package index refused the request: check its credentials",
    ),
    ErrorPattern(
        r"no wheels? with a matching|no version of|No solution found|not found in the package registry",
        FailureCause.NO_WHEEL,
        "the package index has no such wheel for this Python",
    ),
)


def explained(output: str) -> Diagnosis:
    """Cause and remedy for the output of a failed uv, with its own words behind."""
    words = _own_words(output)
    known = explain(_PATTERNS, output)
    if known is None:
        return Diagnosis(FailureCause.INSTALLER, f"installation failed: {words}")
    return Diagnosis(known.cause, f"{known.sentence} ({words})")


def _own_words(output: str) -> str:
    """What uv itself gave as the error, in one line."""
    lines = [line.strip(" ×╰─▶├│") for line in output.splitlines()]
    lines = [line for line in lines if line]
    start = next((i for i, line in enumerate(lines) if re.match(r"error:|No |Failed", line)), -1)
    text = " ".join(lines[start:][:4]) if lines else "it printed nothing"
    return text[:240]
