"""Each control of the page is moved as a reader would, and every number compared with Python."""

import re
import time
from dataclasses import replace

import pytest
from playground_helpers import MOST, State, drawn, expected, moving

pytestmark = pytest.mark.thorough

# What has the focus: its tag, its name, and how thick the ring is by which it is seen.
FOCUSED = """() => {
    const e = document.activeElement;
    const ring = getComputedStyle(e.closest(".row")?.querySelector(".hit") ?? e);
    const outline = parseFloat(ring.outlineWidth) * (ring.outlineStyle !== "none");
    const stroke = parseFloat(ring.strokeWidth) * (ring.stroke !== "none");
    const name = e.name || e.dataset.do || e.getAttribute("aria-label") || e.textContent.trim();
    return [e.tagName, name, outline || stroke];
}"""
CONTROL_NAMES = """[...document.querySelectorAll("form [name], .controls button")]
    .map(e => e.name || e.dataset.do || e.textContent)"""
# Texts that end beyond their picture or the page.
CUT_OFF = """[...document.querySelectorAll("svg text, math, td, output")]
    .filter(e => !e.closest(".scroll"))
    .filter(e => e.getBoundingClientRect().right
        > (e.closest("svg") ?? document.body).getBoundingClientRect().right + 1)
    .map(e => e.textContent)"""
SCROLLING = """[...document.querySelectorAll(".scroll")]
    .filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"""
CURVES = """id => [...document.querySelectorAll(`#${id} .curve`)].map(e => [e, getComputedStyle(e)])
    .map(([e, style]) => [e.getAttribute("class"), style.strokeDasharray + style.strokeWidth])"""
START = State()
ROW = "#picture-{} .row >> nth={}"


def wait_until(page, condition):
    """Wait for a condition; the page's policy allows no evaluation of its own."""
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(20)


def press(name, key, times=1):
    """Move a control by the keyboard."""

    def act(page):
        control = page.locator(f"form [name={name}]")
        control.focus()
        for _ in range(times):
            page.keyboard.press(key)

    return act


def click(action, within=""):
    """Press a button; one of an answer is there once the answer is open."""

    def act(page):
        button = page.locator(f"{within} [data-do={action}]").first
        if not button.is_visible():
            page.locator(f"details:has([data-do={action}]) summary").first.click()
        button.click()

    return act


def tick(selector):
    return lambda page: page.locator(selector).check()


def choose(name, value):
    return lambda page: page.locator(f"select[name={name}]").select_option(value)


def fill(name, value):
    return lambda page: page.locator(f"input[name={name}]").fill(value)


def key_on_row(picture, row, *keys):
    def act(page):
        page.locator(ROW.format(picture, row)).focus()
        for key in keys:
            page.keyboard.press(key)

    return act


def drag(picture, row, to):
    """Drag a point with the mouse to a value."""

    def act(page):
        dot = page.locator(ROW.format(picture, row)).locator(".dot")
        dot.scroll_into_view_if_needed()
        box, svg = dot.bounding_box(), page.locator(f"#picture-{picture}").bounding_box()
        target = svg["x"] + (186 + 33.2 * to) * svg["width"] / 360
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(target + 40, box["y"] + 3, steps=3)
        page.mouse.move(target, box["y"] - 90, steps=3)  # the pointer may leave its row
        page.mouse.up()

    return act


def points(values, i, value):
    return [*values[:i], value, *values[i + 1 :]]


X, DY = START.x, START.dy
ALONG = [round(v, 4) for v in expected(START)["xHat"]] + [0.0, 0.0]
CONTROLS = {
    "as it opens": (lambda page: None, {}),
    "x by mouse": (drag(1, 2, 3.7), {"x": points(X, 2, 3.7)}),
    "x by arrow": (key_on_row(1, 0, "ArrowRight", "ArrowUp"), {"x": points(X, 0, 1.5)}),
    "x by page": (key_on_row(1, 1, "PageDown", "ArrowLeft"), {"x": points(X, 1, 1.1)}),
    "x to the end": (key_on_row(1, 5, "Home", "ArrowDown"), {"x": points(X, 5, -5)}),
    "dy by mouse": (drag(2, 3, -0.4), {"dy": points(DY, 3, -0.4)}),
    "dy by key": (key_on_row(2, 4, "End", "PageDown"), {"dy": points(DY, 4, 4)}),
    "images": (press("n", "ArrowRight", 2), {"n": 8}),
    "gamma": (press("gamma", "ArrowLeft", 3), {"gamma": 1.2}),
    "negative gamma": (press("gamma", "Home"), {"gamma": -2}),
    "beta": (press("beta", "ArrowRight"), {"beta": -0.4}),
    "epsilon": (press("epsilon", "End"), {"epsilon": 1}),
    "a tiny epsilon": (press("epsilon", "Home"), {"epsilon": 1e-8}),
    "add": (click("add"), {"x": [v + 1 for v in X]}),
    "double": (lambda page: page.locator("[data-do=double]").click(), {}),  # no room: see below
    "draw": (click("draw"), {"seed": 5, "x": [], "dy": []}),
    "two images": (click("two"), {"n": 2}),
    "one image": (click("one"), {"n": 1}),
    "frozen": (tick("[name=frozen]"), {"frozen": True}),
    "ones": (click("ones", "#form-2"), {"dy": [1] * MOST}),
    "ones, in the answer": (click("ones", "details"), {"dy": [1] * MOST}),
    "alone": (click("alone", "details"), {"dy": [2] + [0] * 7}),
    "along": (click("along"), {"dy": ALONG}),
    "image": (press("image", "ArrowRight", 3), {"image": 4}),
    "an image that is not there": (press("image", "End"), {"image": 8}),
    "step": (click("step"), {"step": 101}),
    "steps": (click("steps"), {"step": 110}),
    "steps to the start": (press("step", "Home"), {"step": 0}),
    "steps to the end": (press("step", "End"), {"step": 200}),
    "momentum": (press("momentum", "ArrowLeft", 3), {"momentum": 0.9}),
    "momentum 0": (press("momentum", "Home"), {"momentum": 0}),
    "start": (press("start", "ArrowRight", 3), {"start": 2.5}),
    "start at 9": (click("nine"), {"start": 9}),
    "batch": (press("batch", "ArrowLeft"), {"batch": 10}),
    "batches of one": (click("single"), {"batch": 1}),
    "swapped": (tick("[name=swapped]"), {"swapped": True}),
    "swapped, in the answer": (click("swap"), {"swapped": True}),
    "shift": (press("shift", "ArrowLeft", 5), {"shift": 1.5}),
    "stretch": (press("stretch", "ArrowRight", 2), {"stretch": 1.1}),
    "circles": (tick("[value=circles]"), {"classes": "circles"}),
    "squares": (tick("[value=squares]"), {"classes": "squares"}),
    "sorted": (click("sort"), {"shift": 0, "classes": "circles"}),
    "seed": (fill("seed", "77"), {"seed": 77, "x": [], "dy": []}),
    "digits": (choose("runs", "digits"), {}),
    "another curve": (choose("metric", "test_accuracy"), {}),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_moves_every_number_as_python_does_and_the_address_keeps_it(
    control, page, compare
):
    act, changes = CONTROLS[control]
    act(page)
    state = replace(START, **changes)
    compare(page, state)
    wait_until(page, "location.hash.slice(1) === hash()")
    kept = page.evaluate("hash()")
    assert (kept == "") is (control in ("as it opens", "double"))
    page.evaluate("openAddress()")  # resets every control first
    compare(page, state)
    assert page.evaluate("hash()") == kept


def test_points_are_doubled_where_there_is_room(open_page, compare):
    page = open_page("n=3&x=1,-0.5,2&seed=9")
    page.locator("[data-do=double]").click()
    x = [2, -1, 4, *drawn("x", 9)[3:]]
    compare(page, State(seed=9, n=3, x=x))
    page.locator("[data-do=double]").click()
    assert "no room" in page.locator("#status").inner_text()
    compare(page, State(seed=9, n=3, x=x))


def test_several_controls_at_once_and_each_reset_resets_its_own_stop(open_page, compare):
    page = open_page(
        "gamma=-0.7&beta=1.2&x=0.25,4,-3&frozen=yes&dy=1,2&momentum=0.5&step=3&batch=2&shift=-1.5"
    )
    given = {
        "gamma": -0.7,
        "beta": 1.2,
        "x": [0.25, 4, -3, *X[3:]],
        "frozen": True,
        "dy": [1, 2, *DY[2:]],
        "momentum": 0.5,
        "step": 3,
        "batch": 2,
        "shift": -1.5,
    }
    own = {
        1: ("gamma", "beta", "x"),
        2: ("frozen", "dy"),
        4: ("momentum", "step", "batch"),
        5: ("shift",),
    }
    compare(page, replace(START, **given))
    for stop, names in own.items():
        page.locator(f"#form-{stop} [type=reset]").click()
        given = {name: value for name, value in given.items() if name not in names}
        compare(page, replace(START, **given))
    wait_until(page, "location.hash === ''")


def test_everything_can_be_started_again(open_page, compare):
    page = open_page("gamma=-0.7&x=0.25,4,-3&seed=12&step=3")
    page.locator("[data-do=everything]").click()
    compare(page, START)


def test_values_that_are_not_understood_are_named_and_left_as_they_are(open_page, compare):
    page = open_page(
        "gamma=99&length=3&theme=x&x=1,2,foo&dy=9&batch=3&epsilon=0.1&seed=-1&step=1.5"
    )
    compare(page, replace(START, epsilon=0.1))
    said = page.locator("#status").inner_text()
    for name in ("gamma", "length", "theme", "x", "dy", "batch", "seed", "step"):
        assert re.search(rf"\b{name}\b", said), name
    assert "epsilon" not in said


def test_a_new_address_is_read_without_loading_the_page_again(page, compare):
    page.evaluate("location.hash = '#gamma=0.5&at=4'")
    wait_until(page, "numbers.gamma === 0.5")
    compare(page, replace(START, gamma=0.5))
    assert abs(page.locator("#stop-4").bounding_box()["y"]) < 100


def test_the_link_of_a_stop_opens_it_in_its_state(open_page):
    page = open_page("momentum=0.9", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#form-5 [data-do=copy]").click()
    page.locator("#status", has_text="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("#momentum=0.9&at=5")


def curve(page, selector):
    """Return the vertical places of a curve's points."""
    return [
        float(y) for y in re.findall(r"[ML]\S+ ([\d.]+)", page.locator(selector).get_attribute("d"))
    ]


def test_the_curves_stand_where_the_averages_are(open_page):
    page = open_page("swapped=yes&step=40&momentum=0.9")
    numbers = expected(replace(START, step=40, momentum=0.9))
    for name, momentum in {"raw": 0.9, "swapped": 0.1}.items():
        found = curve(page, f"#picture-4 .curve.{name} >> nth=0")
        right = 19 + 150 * (
            1 - moving(START.seed, 50, START.start, momentum)[:41, 1].clip(0, 8) / 8
        )
        assert found == pytest.approx(right, abs=0.051)
    corrected = curve(page, "#picture-4 .curve.corrected >> nth=0")
    assert len(corrected) == 40
    assert corrected[-1] == pytest.approx(
        19 + 150 * (1 - numbers["correctedVariance"][40] / 8), abs=0.051
    )


def test_play_steps_on_and_pauses(page):
    play = page.locator("[data-do=play]")
    play.click()
    wait_until(page, "numbers.step > 105")
    assert play.inner_text() == "Pause"
    play.click()
    now = page.evaluate("numbers.step")
    page.wait_for_timeout(200)
    assert page.evaluate("numbers.step") == now
    assert play.inner_text() == "Play"


def test_play_goes_to_the_end_at_once_where_motion_is_not_wanted(open_page):
    page = open_page(reduced_motion="reduce")
    page.locator("[data-do=play]").click()
    assert page.evaluate("numbers.step") == 200
    assert page.locator("[data-do=play]").inner_text() == "Play"


def test_a_finger_moves_a_point_and_scrolls_past_the_points(open_page, compare):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page = open_page("at=1", **phone)
    row = page.locator(ROW.format(1, 3))
    row.scroll_into_view_if_needed()
    box = row.locator(".hit").bounding_box()
    assert box["height"] > 23
    middle = box["y"] + box["height"] / 2
    page.touchscreen.tap(box["x"] + box["width"] * (186 + 33.2 * 2 - 1) / 358, middle)
    state = replace(START, x=points(X, 3, 2))
    compare(page, state)
    before = page.evaluate("scrollY")
    session = page.context.new_cdp_session(page)
    for move in range(16):
        touches = [{"x": 150 + 5 * move, "y": middle - 10 * move}]  # not quite upright
        kind = "touchMove" if move else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_until(page, f"scrollY > {before + 50}")
    compare(page, state)


def test_a_guess_is_judged_once_the_answer_is_open(page):
    guess = page.locator(".guess").first
    guess.locator("input").first.check()
    told = guess.locator(".told")
    assert told.inner_text() == ""
    guess.locator("summary").click()
    told.filter(has_text="Not what you guessed").wait_for()
    guess.locator("input").nth(2).check()
    told.filter(has_text="right").wait_for()


def test_the_keyboard_alone_reaches_everything_and_the_focus_is_seen(page):
    page.keyboard.press("Tab")
    reached = []
    for _ in range(200):
        tag, name, ring = page.evaluate(FOCUSED)
        if tag == "BODY":
            break
        assert ring >= 2, (tag, name)
        reached.append((tag, name))
        page.keyboard.press("Tab")
    names = {name for _, name in reached}
    assert {f"x of image {i}" for i in range(1, 7)} <= names
    assert {f"dy of image {i}" for i in range(1, 7)} <= names
    controls = page.evaluate(CONTROL_NAMES)
    assert set(controls) <= names
    assert sum(tag == "SUMMARY" for tag, _ in reached) == page.locator("summary").count()


def test_the_links_lead_to_the_stops_and_keep_the_state(open_page):
    page = open_page("gamma=2")
    page.get_by_role("link", name="4. Moving averages").press("Enter")
    assert page.evaluate("document.activeElement.id") == "title-4"
    assert abs(page.locator("#stop-4").bounding_box()["y"]) < 20
    assert page.url.endswith("#gamma=2")


@pytest.mark.parametrize("width", [360, 768, 1400])
@pytest.mark.parametrize(
    "state",
    [
        "",
        "n=8&frozen=yes&epsilon=1e-8&x=-5,5,-5,5,-5,5,-5,5&step=0",
        "x=2,2,2,2,2,2&dy=-5,-5,5,-5,-5,-5&epsilon=1e-8&batch=1&step=200",
    ],
)
def test_the_page_fits_the_screen(open_page, width, state):
    page = open_page(state, viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT_OFF) == []
    if not state:
        assert page.evaluate(SCROLLING) == []


def test_light_and_dark_follow_the_reader_and_the_button_switches(open_page):
    paper = "getComputedStyle(document.body).backgroundColor"
    for scheme, colors in {
        "light": ["255, 255, 255", "20, 23, 28"],
        "dark": ["20, 23, 28", "255, 255, 255"],
    }.items():
        page = open_page(color_scheme=scheme)
        assert page.evaluate(paper) == f"rgb({colors[0]})"
        page.locator("#theme").click()
        assert page.evaluate(paper) == f"rgb({colors[1]})"
        page.locator("#theme").click()
        assert page.evaluate(paper) == f"rgb({colors[0]})"


def test_curves_differ_in_more_than_their_colour(open_page):
    page = open_page("swapped=yes")
    for picture in ("4", "6"):
        looks = dict(page.evaluate(CURVES, f"picture-{picture}"))
        assert len(looks) >= 4
        assert len(set(looks.values())) == len(looks)


def test_without_javascript_the_pictures_stand_still_and_everything_can_be_read(open_page):
    page = open_page(java_script_enabled=False, viewport={"width": 360, "height": 800})
    assert page.get_by_text("JavaScript is off").is_visible()
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    for picture in (1, 2, 4, 5, 6):
        assert page.locator(f"#picture-{picture} text").count() > 8
        assert page.locator(f"#picture-{picture}").bounding_box()["height"] > 150
    assert page.locator("#table-2 td").count() > 30
    answers = page.locator("summary")
    for i in range(answers.count()):
        answers.nth(i).click()
    text = page.locator("main").inner_text()
    assert "undefined" not in text + page.content().partition("<script")[0]
    assert "The largest difference between two runs of one kind is 0.0" in text
