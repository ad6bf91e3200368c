"""The pages of the master and of Marathon as a user meets them."""

import re
from pathlib import Path

import pytest
from conftest import DESKTOP, PHONE
from playwright.sync_api import expect

CONTRAST = Path(__file__).with_name("contrast.js").read_text()
OUTSIDE = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).map(one => one.textContent)"
LONG_ID = "/products/storefront/recommendations/personalised-offers-of-the-day"


def row(page, text, section="apps"):
    """The row of a section's table that has the text in a cell."""
    cell = page.locator("td").filter(has_text=re.compile(f"^{re.escape(text)}$"))
    return page.locator(f"#{section} tbody tr").filter(has=cell)


def instances(page, app):
    """The ids of the listed instances of an app."""
    return set(page.locator("#instances td.long").filter(has_text=app).all_inner_texts())


def open_create(page):
    """Opens the dialog for a new app; returns it."""
    page.get_by_role("button", name="Create Application").click()
    dialog = page.locator("#app-dialog")
    expect(dialog).to_be_visible()
    return dialog


def field(dialog, name):
    return dialog.locator(f"[name={name}]")


def submit(dialog):
    dialog.locator("button[type=submit]").click()


def error_at(dialog, name):
    """The error that is shown at a field and read with it."""
    wrong = field(dialog, name)
    expect(wrong).to_have_attribute("aria-invalid", "true")
    return dialog.locator(f"#{wrong.get_attribute('aria-describedby').split()[-1]}")


def fill_demo(dialog, app_id):
    field(dialog, "id").fill(app_id)
    field(dialog, "cmd").fill("sleep 1000")
    field(dialog, "instances").fill("1")
    field(dialog, "env").fill("A=b")


def confirm(page, word):
    """Presses the button of the dialog that asks back."""
    dialog = page.locator("#confirm-dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name=word).click()
    expect(dialog).to_be_hidden()


def scale(page, app, count):
    page.get_by_role("button", name=f"Scale {app}").click()
    dialog = page.locator("#scale-dialog")
    dialog.get_by_label("How many instances").fill(str(count))
    submit(dialog)
    return dialog


def test_life_of_an_app(stack, open_page, picture):
    """Created, scaled, restarted, an instance killed, destroyed: all by clicks and without a reload."""
    page = open_page(stack.marathon)
    expect(page.locator("#summary")).to_have_text("0 applications, 0 instances, 0 deployments")
    picture(page, "marathon-empty")
    dialog = open_create(page)
    fill_demo(dialog, "/web/demo")
    submit(dialog)
    expect(dialog).to_be_hidden()
    app = row(page, "/web/demo")
    expect(app.get_by_text("Running", exact=True)).to_be_visible()
    expect(app.get_by_text("1 of 1")).to_be_visible()
    expect(app.get_by_text("sleep 1000")).to_be_visible()
    instance = page.locator("#instances tbody tr")
    expect(instance).to_have_count(1)
    expect(instance).to_contain_text("web_demo")
    expect(instance).to_contain_text("RUNNING")
    assert stack.api("GET", "/v2/apps/web/demo")[1]["app"]["env"] == {"A": "b"}

    expect(scale(page, "/web/demo", 2)).to_be_hidden()
    expect(app.get_by_text("2 of 2")).to_be_visible()
    expect(app.get_by_text("Running", exact=True)).to_be_visible()
    expect(instance).to_have_count(2)
    picture(page, "marathon-app")

    before = instances(page, "web_demo")
    page.get_by_role("button", name="Restart /web/demo").click()
    expect(page.locator("#confirm-text")).to_contain_text("/web/demo")
    confirm(page, "Restart Application")
    for one in before:
        expect(row(page, one, "instances")).to_have_count(0)
    expect(app.get_by_text("2 of 2")).to_be_visible()
    expect(app.get_by_text("Running", exact=True)).to_be_visible()
    expect(instance).to_have_count(2)

    victim, survivor = sorted(instances(page, "web_demo"))
    page.get_by_role("button", name=f"Kill {victim}").click()
    expect(page.locator("#confirm-text")).to_contain_text(victim)
    picture(page, "marathon-confirm")
    confirm(page, "Kill Instance")
    expect(row(page, victim, "instances")).to_have_count(0)
    expect(instance).to_have_count(2)
    expect(instance.get_by_text("RUNNING")).to_have_count(2)
    expect(row(page, survivor, "instances")).to_be_visible()

    page.get_by_role("button", name="Destroy /web/demo").click()
    expect(page.locator("#confirm-text")).to_contain_text("/web/demo")
    confirm(page, "Destroy Application")
    expect(app).to_have_count(0)
    expect(instance).to_have_count(0)
    expect(page.get_by_text("No applications.")).to_be_visible()
    assert stack.api("GET", "/v2/apps/web/demo")[0] == 404


def test_create_with_the_keyboard_alone(stack, open_page):
    """Every step of a creation can be reached with Tab; Escape leaves the dialog."""
    page = open_page(stack.marathon)
    keyboard = page.keyboard

    def tab_to(selector):
        target = page.locator(selector)
        for _ in range(20):
            if target.evaluate("element => element === document.activeElement"):
                return
            keyboard.press("Tab")
        pytest.fail(f"Tab does not reach {selector}")

    tab_to("#create")
    keyboard.press("Enter")
    dialog = page.locator("#app-dialog")
    expect(dialog).to_be_visible()
    keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#create")).to_be_focused()

    keyboard.press("Enter")
    expect(field(dialog, "id")).to_be_focused()
    keyboard.type("/web/keys")
    tab_to("#app-form [name=cmd]")
    keyboard.type("sleep 1000")
    tab_to("#app-form [name=env]")
    keyboard.type("A=b")
    keyboard.press("Enter")
    keyboard.type("C=d=e")
    tab_to("#app-form button[type=submit]")
    keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(row(page, "/web/keys").get_by_text("1 of 1")).to_be_visible()
    assert stack.api("GET", "/v2/apps/web/keys")[1]["app"]["env"] == {"A": "b", "C": "d=e"}


def test_errors_are_shown_at_their_fields(stack, open_page, picture):
    """What is wrong is said where it is, whether the page or the server finds it; nothing that was typed is lost."""
    page = open_page(stack.marathon)
    page.watch.expect(422, "/v2/apps")
    page.watch.expect(409, "/v2/apps")
    stack.create("/web/taken", instances=0)
    dialog = open_create(page)
    submit(dialog)
    expect(error_at(dialog, "id")).to_be_visible()
    expect(field(dialog, "id")).to_be_focused()
    picture(page, "marathon-errors")

    field(dialog, "id").fill("/A_B")
    field(dialog, "cmd").fill("sleep 1000")
    submit(dialog)
    expect(error_at(dialog, "id")).to_contain_text("lower case")
    expect(field(dialog, "id")).to_have_value("/A_B")

    field(dialog, "id").fill("/web/taken")
    submit(dialog)
    expect(dialog.get_by_role("alert")).to_contain_text("already exists")
    expect(dialog.locator("[aria-invalid]")).to_have_count(0)
    picture(page, "marathon-duplicate")

    field(dialog, "id").fill("/web/nothing")
    field(dialog, "cmd").fill("")
    submit(dialog)
    expect(dialog.locator(".form-error")).not_to_contain_text("already exists")
    assert dialog.locator(".field-error, .form-error:not([hidden])").all_inner_texts()

    for name, wrong, right in [
            ("instances", "many", "1"), ("instances", "", "1"), ("cpus", "-1", "0.1"), ("mem", "x", "32"),
            ("env", "novalue", "A=b"), ("portMappings", "http", "")]:
        field(dialog, "cmd").fill("sleep 1000")
        field(dialog, "image").fill("nginx" if name == "portMappings" else "")
        field(dialog, name).fill(wrong)
        submit(dialog)
        expect(error_at(dialog, name)).to_be_visible()
        expect(dialog.locator("[aria-invalid]")).to_have_count(1)
        field(dialog, name).fill(right)
    field(dialog, "image").fill("")
    field(dialog, "portMappings").fill("80")
    submit(dialog)
    expect(error_at(dialog, "image")).to_be_visible()

    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    open_create(page)
    expect(dialog.locator(".field-error")).to_have_count(0)
    expect(field(dialog, "portMappings")).to_have_value("")
    assert [app["id"] for app in stack.api("GET", "/v2/apps")[1]["apps"]] == ["/web/taken"]


def test_all_missing_fields_are_named_at_once(stack, open_page):
    """An empty form gets an error at each field that must be filled, before anything is sent."""
    page = open_page(stack.marathon)
    page.watch.expect(422, "/v2/apps")
    dialog = open_create(page)
    field(dialog, "mem").fill("")
    submit(dialog)
    for name in ("id", "cmd", "mem"):
        expect(error_at(dialog, name)).to_be_visible()


def test_refusal_is_seen_on_a_phone(stack, open_page):
    """What the server refuses is said where the user is, in a dialog that is longer than the screen."""
    page = open_page(stack.marathon, PHONE)
    page.watch.expect(409, "/v2/apps")
    stack.create("/web/taken", instances=0)
    dialog = open_create(page)
    fill_demo(dialog, "/web/taken")
    submit(dialog)
    expect(dialog.get_by_role("alert")).to_contain_text("already exists")
    expect(dialog.get_by_role("alert")).to_be_in_viewport(ratio=1)


def test_docker_fields(stack, open_page):
    """The Docker fields become the container, the networks and the port mappings of the app."""
    page = open_page(stack.marathon)
    sent = []

    def answer(route):
        if route.request.method != "POST":
            return route.continue_()
        sent.append(route.request.post_data_json)
        return route.fulfill(status=201, json={})

    page.route("**/v2/apps?*", answer)
    dialog = open_create(page)
    field(dialog, "id").fill("/web/nginx")
    field(dialog, "instances").fill("2")
    field(dialog, "cpus").fill("0.5")
    field(dialog, "mem").fill("64")
    field(dialog, "image").fill("nginx:1.27")
    field(dialog, "network").select_option("Bridged")
    field(dialog, "portMappings").fill("80\n8080:31500\n53:31501/udp\n")
    field(dialog, "env").fill("A=b\n\nC=d=e")
    submit(dialog)
    expect(dialog).to_be_hidden()
    assert sent == [{
        "id": "/web/nginx", "instances": 2, "cpus": 0.5, "mem": 64, "env": {"A": "b", "C": "d=e"},
        "container": {"type": "DOCKER", "docker": {"image": "nginx:1.27"}, "portMappings": [
            {"containerPort": 80, "hostPort": 0, "protocol": "tcp"},
            {"containerPort": 8080, "hostPort": 31500, "protocol": "tcp"},
            {"containerPort": 53, "hostPort": 31501, "protocol": "udp"}]},
        "networks": [{"mode": "container/bridge"}]}]

    dialog = open_create(page)
    field(dialog, "id").fill("/web/host")
    field(dialog, "image").fill("nginx")
    field(dialog, "network").select_option("Host")
    submit(dialog)
    expect(dialog).to_be_hidden()
    assert sent[1]["container"] == {"type": "DOCKER", "docker": {"image": "nginx"}}
    assert sent[1]["networks"] == [{"mode": "host"}]


def test_one_request_for_an_impatient_user(stack, open_page):
    """A button that is pressed twice sends one request."""
    page = open_page(stack.marathon)
    held = []
    page.route("**/v2/apps?*", lambda route: held.append(route))
    dialog = open_create(page)
    fill_demo(dialog, "/web/twice")
    dialog.locator("button[type=submit]").dblclick()
    page.wait_for_timeout(300)
    assert len(held) == 1
    held[0].continue_()
    expect(dialog).to_be_hidden()
    expect(row(page, "/web/twice")).to_be_visible()


def test_locked_app_is_changed_by_force(stack, open_page):
    """An app that waits for resources is locked; a second press of the button forces the change."""
    page = open_page(stack.marathon)
    page.watch.expect(409, "/v2/apps/web/huge")
    stack.create("/web/huge", cpus=1000)
    expect(row(page, "/web/huge").get_by_text("0 of 1")).to_be_visible()
    dialog = scale(page, "/web/huge", 2)
    expect(dialog.get_by_role("alert")).to_contain_text("locked")
    expect(dialog.get_by_role("alert")).to_contain_text("force")
    submit(dialog)
    expect(dialog).to_be_hidden()
    expect(row(page, "/web/huge").get_by_text("0 of 2")).to_be_visible()
    page.get_by_role("button", name="Destroy /web/huge").click()
    dialog = page.locator("#confirm-dialog")
    submit(dialog)
    expect(dialog.get_by_role("alert")).to_contain_text("force")
    submit(dialog)
    expect(dialog).to_be_hidden()
    expect(row(page, "/web/huge")).to_have_count(0)


def test_markup_in_an_app_is_text(stack, open_page):
    """What others typed is shown as they typed it, never run."""
    command = "true '<img src=x onerror=alert(1)><b id=injected>'; sleep 1000"
    stack.create("/web/markup", cmd=command)
    page = open_page(stack.marathon)
    expect(row(page, "/web/markup")).to_contain_text(command)
    expect(page.locator("#injected")).to_have_count(0)


def test_master_page_follows_the_cluster(stack, open_page, picture):
    """Agents, frameworks, resources and tasks, and each change of them without a reload."""
    page = open_page(stack.master)
    expect(page.locator("#agents tbody tr")).to_have_count(1)
    expect(page.locator("#agents tbody tr")).to_contain_text("active")
    framework = row(page, "marathon", "frameworks")
    expect(framework.get_by_text("active", exact=True)).to_be_visible()
    expect(framework.get_by_role("link", name="marathon")).to_have_attribute("href", re.compile("^http://"))
    cpus = page.locator(".gauge").filter(has_text="CPUs")
    expect(cpus).to_contain_text("0.0 of 4.0 used")
    expect(page.locator(".gauge").filter(has_text="Memory")).to_contain_text("of 1.0 GiB used")
    stack.create("/web/seen", cmd="echo hello; sleep 1000", cpus=0.5)
    task = page.locator("#tasks tbody tr").filter(has_text="web_seen")
    expect(task).to_contain_text("RUNNING")
    expect(cpus).to_contain_text("0.5 of 4.0 used")
    expect(page.locator("#summary")).to_contain_text("1 agent, 1 framework, 1 active task")
    picture(page, "master")
    link = task.get_by_role("link", name="stdout").get_attribute("href")
    assert "hello" in page.request.get(f"http:{link}").text()
    agent = page.locator("#agents").get_by_role("link").get_attribute("href")
    assert page.request.get(f"http:{agent}").json()["id"]

    stack.delete_all()
    expect(task).not_to_contain_text("RUNNING")
    expect(cpus).to_contain_text("0.0 of 4.0 used")
    expect(page.locator("#summary")).to_contain_text("0 active tasks")


@pytest.mark.parametrize("which", ["master", "marathon"])
def test_page_says_when_the_server_is_away(stack, open_page, which):
    """A server that does not answer is said so, and the page recovers by itself."""
    page = open_page(getattr(stack, which))
    summary = page.locator("#summary")
    expect(summary).to_contain_text("1 agent" if which == "master" else "0 applications")
    uri = "/master/state" if which == "master" else "/v2/apps"
    page.watch.expect(503, uri)
    page.route(f"**{uri}", lambda route: route.fulfill(status=503, body="Service Unavailable"))
    expect(summary).to_contain_text("does not answer")
    expect(summary).to_contain_text("503")
    page.unroute(f"**{uri}")
    expect(summary).not_to_contain_text("does not answer")


def test_refresh_keeps_the_place(stack, open_page):
    """A refresh takes neither the focus nor how far a table was scrolled."""
    stack.create("/web/place")
    page = open_page(stack.master)
    task = page.locator("#tasks tbody tr").filter(has_text="web_place")
    link = task.get_by_role("link", name="stdout")
    expect(link).to_be_attached()
    link.focus()
    page.locator("#tasks").evaluate("element => { element.style.width = '300px' }")
    scroll = page.locator("#tasks .scroll")
    scrolled = scroll.evaluate("element => { element.scrollLeft = 20; return element.scrollLeft; }")
    assert scrolled > 0
    since = task.locator("td").nth(5)
    shown = since.inner_text()
    expect(since).not_to_have_text(shown)
    shown = since.inner_text()
    expect(since).not_to_have_text(shown)
    expect(link).to_be_focused()
    assert scroll.evaluate("element => element.scrollLeft") == scrolled


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_look(stack, open_page, picture, scheme):
    """Texts can be read in both schemes, and no page or dialog is wider than its window, be it a desktop or a phone."""
    def check(page, name):
        for form, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            picture(page, f"look-{name}-{scheme}-{form}")
            assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
            result = page.evaluate(CONTRAST)
            assert not result["found"]
            assert not page.locator("button:visible").evaluate_all(OUTSIDE)
        return result["seen"]

    stack.create(LONG_ID)
    stack.create("/web/huge", cpus=1000)
    marathon = open_page(stack.marathon, color_scheme=scheme)
    marathon.watch.expect(422, "/v2/apps")
    expect(row(marathon, LONG_ID).get_by_text("1 of 1")).to_be_visible()
    expect(row(marathon, "/web/huge").get_by_text("0 of 1")).to_be_visible()
    background = marathon.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (min(map(int, re.findall(r"\d+", background)[:3])) > 127) == (scheme == "light")
    seen = check(marathon, "marathon")
    assert seen["buttons"] >= 5 and seen["headings"] >= 10

    dialog = open_create(marathon)
    field(dialog, "env").fill("NAME=value")
    submit(dialog)
    expect(error_at(dialog, "id")).to_be_visible()
    check(marathon, "dialog")
    assert dialog.evaluate("element => element.scrollWidth <= element.clientWidth")
    dialog.locator("button[type=submit]").scroll_into_view_if_needed()
    expect(dialog.locator("button[type=submit]")).to_be_in_viewport(ratio=1)
    picture(marathon, f"look-dialog-end-{scheme}-phone")

    master = open_page(stack.master, color_scheme=scheme)
    expect(master.locator("#tasks").get_by_text("RUNNING")).to_be_visible()
    assert check(master, "master")["headings"] >= 10
