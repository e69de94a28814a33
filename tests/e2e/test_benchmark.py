"""What the live benchmark looks for in a page, in a real browser."""

from typing import TYPE_CHECKING

import pytest

from fer.benchmark import clip, live
from fer.benchmark.browser import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_graphs_are_noted_when_they_change(browser: "Browser") -> None:
    page = browser.new_page()
    chart = "<div data-testid=stVegaLiteChart><svg><text>{}</text></svg></div>"
    page.set_content(f"{chart.format('first')}{chart.format('a')}")
    page.evaluate(live._WATCH)
    for count, mark in ((1, "a"), (2, "b"), (3, "c")):
        page.evaluate("(mark) => { document.querySelectorAll('text')[1].textContent = mark; }", mark)
        wait_for(page, "n => window.ferGraphs.length === n", count)
    assert [count for count, _ in page.evaluate("() => window.ferGraphs")] == [0, 1, 2]
    page.close()


_SCREEN = """
(fields) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 480];
    const context = canvas.getContext("2d");
    window.show = (strip) => {
        strip.forEach((bit, i) => {
            context.fillStyle = bit ? "white" : "black";
            context.fillRect(i * 640 / fields, 456, 640 / fields, 24);
        });
    };
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = canvas.captureStream();
    document.body.append(video);
    return video.play();
}
"""
"""A player that shows a canvas with a strip."""


def test_what_comes_back_is_noted_once_for_every_new_number(browser: "Browser") -> None:
    page = browser.new_page()
    page.set_content("<p></p>")
    page.evaluate(f"() => {{ ({_SCREEN})({clip.FIELDS}); window.show({clip.fields_of(3)}); }}")
    wait_for(page, "() => document.querySelector('video').videoWidth > 0")
    page.evaluate(live._FOLLOW, [clip.FIELDS, clip.STRIP / clip.HEIGHT])
    for number in (7, 8, 8, 9):
        page.evaluate("(strip) => window.show(strip)", clip.fields_of(number))
        wait_for(page, "(seen) => window.ferSeen.shown.at(-1)?.[0] === seen", "".join(map(str, clip.fields_of(number))))
    noted = live.came_back(page.evaluate(live._SHOWN))
    assert len(noted) in (3, 4), "the picture from before it was followed may be seen, too"
    page.evaluate(live._BEGIN)
    assert page.evaluate(live._SHOWN) == []
    page.close()
