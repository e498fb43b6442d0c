"""Cards of the page as a test meets them."""

from __future__ import annotations

import re


def card(page, name):
    """Return the card of a variable, once it is answered."""
    found = page.locator(f'.card[data-variable="{name}"]')
    found.scroll_into_view_if_needed()
    settled(found)
    return found


def settled(found):
    """Wait until a card shows the answer to what is held now."""
    found.page.wait_for_timeout(250)  # questions wait for further changes
    found.locator(".sure:not(:empty)").wait_for()
    found.page.wait_for_function("card => !card.hasAttribute('aria-busy')", arg=found.element_handle())


def bar(found, label):
    """Return the tick of a value."""
    return found.get_by_role("checkbox", name=re.compile(rf"^{label}\b"))


def shares(found):
    """Return the shares of a card's bars in percent, by label."""
    labels = found.locator(".bar .label").all_text_contents()
    texts = found.locator(".bar .share").all_text_contents()
    return {label: float(re.sub(r"[^\d.]", "", own)) for label, own in zip(labels, texts, strict=True)}
