"""uv's output for a failed installation → one sentence with a remedy."""

from __future__ import annotations

import re

from samcheck.environments.error_patterns import Diagnosis, ErrorPattern, explain
from samcheck.guest.outcomes import FailureCause

# Most reliable first: a full disk also breaks downloads.
_PATTERNS = (
    ErrorPattern(
        r"No space left on device|Disk quota exceeded",
        FailureCause.DISK,
        "the disk is full: free space, for example with `samcheck clean`, and re-run with --resume",
    ),
    ErrorPattern(
        r"No interpreter found|No download found|no Python .* found|python-build-standalone",
        FailureCause.INTERPRETER,
        "this Python is not installed, and uv could not download it: install it (pyenv, "
        "your distribution) or run where uv can reach its downloads",
    ),
    ErrorPattern(
        r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED|UnknownIssuer",
        FailureCause.CERTIFICATE,
        "the package index has a certificate that is not trusted here: give your company's "
        "CA bundle with --ca-bundle or SAMCHECK_CA_BUNDLE",
    ),
    ErrorPattern(
        r"Git operation failed|failed to clone|failed to fetch into",
        FailureCause.NETWORK,
        "a Git repository that a package comes from could not be reached: check the network, the proxy and "
        "the credentials, then re-run with --resume",
    ),
    ErrorPattern(
        r"dns error|Temporary failure in name resolution|Network is unreachable|error sending request"
        r"|Connection refused|Could not connect|timed? out",
        FailureCause.NETWORK,
        "the package index could not be reached: check the network or the proxy, then re-run with --resume",
    ),
    ErrorPattern(
        r"401 Unauthorized|403 Forbidden|407 Proxy",
        FailureCause.CREDENTIALS,
        "the package index refused the request: check its credentials",
    ),
    ErrorPattern(
        r"no wheels? with a matching|no version of|No solution found|not found in the package registry",
        FailureCause.NO_WHEEL,
        "the package index has no matching wheel for this Python",
    ),
)


def explained(output: str) -> Diagnosis:
    """Return cause and remedy for the output of a failed uv, with its own error at the end."""
    words = _own_words(output)
    known = explain(_PATTERNS, output)
    if known is None:
        return Diagnosis(FailureCause.INSTALLER, f"installation failed: {words}")
    return Diagnosis(known.cause, f"{known.sentence} ({words})")


def _own_words(output: str) -> str:
    """Return uv's own error, in one line."""
    lines = [line.strip(" ×╰─▶├│") for line in output.splitlines()]
    lines = [line for line in lines if line]
    start = next((i for i, line in enumerate(lines) if re.match(r"error:|No |Failed", line)), -1)
    text = " ".join(lines[start:][:4]) if lines else "it printed nothing"
    return text[:240]
