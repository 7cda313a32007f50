"""Whatever stands in results is shown, and does nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.browser.opened_page import SIZES, Open, Opened, Store
from tests.unit import hostile

VIEWS = ("", "columns=variant", "view=checks", "view=compare", "view=plots", "view=plots&plot=history")
#: Elements and attributes that only such a text can have made.
MADE = "img, iframe, script[src], main script, dialog script, b, title ~ title, [onerror], [onmouseover]"


#: Several texts in one page, since opening one takes a second.
TOGETHER = 6
#: That of the corpus with an image begins with a comment, which hides it where markup is parsed.
TEXTS = {"element": "<img src=x onerror=alert('owned')><b>bold</b>", **hostile.TEXTS}
NAMES = list(TEXTS)


@pytest.mark.parametrize("first", range(0, len(NAMES), TOGETHER), ids=lambda first: NAMES[first])
def test_foreign_texts_are_shown_and_do_nothing(written: Store, opened: Open, first: int) -> None:
    """A dialog, a request, an error or a message is a complaint; `opened` asserts that there is none."""
    texts = [TEXTS[name] for name in NAMES[first : first + TOGETHER]]
    shown = opened(written([hostile.planted(text) for text in texts]))
    for view in VIEWS:
        shown.go(view)
        assert shown.page.locator(MADE).count() == 0
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= SIZES["wide"][0]
    for at in range(len(texts)):
        assert "Observed from inside" in _evidence(shown, at)
        assert shown.page.locator(MADE).count() == 0


def _evidence(shown: Opened, at: int) -> str:
    """All that is known of a result, unfolded."""
    shown.page.evaluate("at => Evidence.open(at)", at)
    dialog = shown.page.get_by_role("dialog")
    dialog.locator("details").first.wait_for()
    for _ in range(2):  # what is inside of one is made when that is opened
        dialog.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        shown.page.wait_for_timeout(100)
    return dialog.inner_text()


def test_the_address_is_taken_for_text(written: Store, opened: Open) -> None:
    shown = opened(
        written([hostile.RESULT]), "text=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&device=%3Cscript%3E"
    )
    assert "<img src=x onerror=alert(1)>" in shown.text("#chosen")
    assert shown.page.locator("img").count() == 0


def test_hidden_characters_are_shown(written: Store, opened: Open) -> None:
    check = replace(hostile.CHECKS[4], reason="\u202eright to left\x1b[31m")
    shown = opened(written([replace(hostile.RESULT, checks=[check])]), "view=checks")
    assert "⟨202E⟩right to left⟨1B⟩[31m" in shown.first_cells(3)[0]
