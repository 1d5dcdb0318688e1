"""Predictions and quizzes in a browser: answered, revealed, kept; by mouse, keyboard, and without
scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from left_out import CHOSEN
from site_tools import Site, Visit, serve
from test_pages import too_wide, violations

Open = Callable[..., Visit]
CHAPTER = "book/autograd.html"
pytestmark = pytest.mark.chapters("autograd")
both = pytest.mark.frameworks("pytorch", "tensorflow")
COMMIT = "This is my answer"


ANSWERS, READ = "editions-answers /", "editions-read /"  # of the book that is served at /


def kept(reader: Visit) -> dict[str, Any]:
    return json.loads(reader.evaluate(f"localStorage['{ANSWERS}'] ?? '{{}}'"))


def answer_of(reader: Visit, name: str) -> Any:
    """The form and the fold of a prediction."""
    return reader.page.locator(f"#answer-{name}")


def commit(reader: Visit, name: str, *, number: str = "", choice: str = "") -> Any:
    answer = answer_of(reader, name)
    if number:
        answer.get_by_label("Your prediction").fill(number)
    else:
        answer.get_by_label(choice).check()
    answer.get_by_role("button", name=COMMIT).click()
    return answer


def test_a_number_that_is_wrong(visit: Open) -> None:
    reader = visit(CHAPTER)
    answer = answer_of(reader, "broadcast")
    hidden = answer.locator(".cell_output, .why")
    assert not any(one.is_visible() for one in hidden.all())
    commit(reader, "broadcast", number="1")
    assert answer.get_by_role("status").inner_text().strip() == "You said 1; it prints 3."
    assert all(one.is_visible() for one in hidden.all()) and hidden.count() >= 2
    assert answer.locator(".verdict .wrong").is_visible()
    entry = kept(reader)["autograd#broadcast"]
    assert (entry["said"], entry["hit"], entry["key"]) == ("1", False, "3")


@pytest.mark.parametrize("said", ["3", " 3.0 ", "6/2", "3,0e0"])
def test_numbers_are_read_as_people_write_them(visit: Open, said: str) -> None:
    reader = visit(CHAPTER)
    answer = commit(reader, "broadcast", number=said)
    assert answer.locator(".verdict .right").is_visible()


@pytest.mark.parametrize("said", ["ones", "6/2/1", "1e400", "3/0", "/3"])
def test_what_is_no_number_is_refused_with_words(visit: Open, said: str) -> None:
    reader = visit(CHAPTER)
    answer = commit(reader, "broadcast", number=said)
    field = answer.get_by_label("Your prediction")
    assert "such as 0.25" in field.evaluate("(input) => input.validationMessage")
    assert kept(reader) == {}
    field.fill("3")
    answer.get_by_role("button", name=COMMIT).click()
    assert answer.locator(".verdict .right").is_visible()


def test_a_choice_and_a_reload(visit: Open) -> None:
    reader = visit(CHAPTER)
    commit(reader, "orders", choice="Clear between")
    reader.page.reload()
    answer = answer_of(reader, "orders")
    assert answer.locator("details.fold-output").get_attribute("open") is not None
    assert answer.get_by_label("Clear between").is_checked()
    assert answer.get_by_label("Clear between").is_disabled()
    assert "between" in answer.get_by_role("status").inner_text()
    answer.get_by_role("button", name="Ask me again").click()
    assert kept(reader) == {}
    assert not answer.locator(".why").first.is_visible()
    assert answer.get_by_label("Clear after").is_enabled()


def test_just_show_me_is_remembered_as_such(visit: Open) -> None:
    reader = visit(CHAPTER)
    answer = answer_of(reader, "leaf")
    answer.get_by_text("Just show me").click()
    assert answer.locator(".why").first.is_visible()
    assert answer.get_by_role("status").inner_text().strip() == "You asked to see it."
    assert kept(reader)["autograd#leaf"]["how"] == "shown"
    reader.page.reload()
    assert answer.get_by_role("status").inner_text().strip() == "You asked to see it."
    assert answer.locator("[type=submit]").is_hidden()


@both
def test_each_framework_has_its_own_key(visit: Open) -> None:
    reader = visit(f"{CHAPTER}?framework=pytorch")
    answer = commit(reader, "twice", number="4")
    assert answer.get_by_role("status").inner_text().strip() == "You said 4; it prints 4.0."
    assert kept(reader)["autograd#twice"]["hit"] is True
    reader.page.get_by_role("radio", name="TensorFlow").first.check(force=True)
    assert answer.get_by_role("status").inner_text().strip() == "You said 4; it prints 2.0."
    assert kept(reader)["autograd#twice"]["hit"] is True  # as it was answered
    other = visit(f"{CHAPTER}?framework=tensorflow")
    commit(other, "twice", number="4")
    assert kept(other)["autograd#twice"]["hit"] is False


def test_readers_compare_what_no_program_can(visit: Open, site: Site) -> None:
    """A question for words whose output, such as a figure, gives no key."""
    reader = visit()

    def ask_for_words(route: Any) -> None:
        box = re.compile(r'(<div [^>]*data-predict="broadcast"[^>]*>)')
        words = box.search(site.text(CHAPTER))
        assert words
        asked = re.sub('data-kind="number"', 'data-kind="words"', words[1])
        asked = re.sub(r'data-keys="[^"]*"', 'data-keys="{}"', asked)
        page = site.text(CHAPTER).replace(words[1], asked)
        assert asked != words[1]
        route.fulfill(body=page, content_type="text/html")

    reader.page.route(f"**/{CHAPTER}", ask_for_words)
    reader.go(CHAPTER)
    answer = answer_of(reader, "broadcast")
    form = answer.locator(".answer-form")
    form.get_by_label("Your prediction").fill("something else")
    form.get_by_role("button", name=COMMIT).click()
    assert "something else" in answer.get_by_role("status").inner_text()
    (entry,) = kept(reader).values()
    assert entry["hit"] is None
    answer.get_by_role("button", name="Yes").click()
    (entry,) = kept(reader).values()
    assert entry["hit"] is True
    assert answer.get_by_role("button", name="Yes").count() == 0


def test_by_keyboard_alone(visit: Open) -> None:
    reader = visit(CHAPTER)
    keyboard = reader.page.keyboard
    answer = answer_of(reader, "orders")
    answer.get_by_label("Clear after").focus()
    keyboard.press("ArrowDown")
    assert answer.get_by_label("Clear between").is_checked()
    keyboard.press("Tab")
    keyboard.press("Enter")
    assert answer.locator(".why").is_visible()
    focused = "document.activeElement.getAttribute('role')"
    assert reader.evaluate(focused) == "status"  # the next Tab leads into the answer
    answer_of(reader, "broadcast").get_by_label("Your prediction").focus()
    keyboard.type("3")
    keyboard.press("Enter")
    assert answer_of(reader, "broadcast").locator(".verdict .right").is_visible()
    answer_of(reader, "twice").locator("summary").first.focus()
    keyboard.press("Enter")
    assert kept(reader)["autograd#twice"]["how"] == "shown"


def test_a_quiz_is_answered_by_keyboard(visit: Open) -> None:
    reader = visit(CHAPTER)
    keyboard = reader.page.keyboard
    quiz = reader.page.locator(".quiz").first
    radios = quiz.get_by_role("radio")
    radios.nth(0).focus()
    keyboard.press("ArrowDown")
    assert radios.nth(1).is_checked()
    keyboard.press("Tab")
    keyboard.press("Enter")
    assert quiz.get_by_role("status").inner_text().strip() == "Right."
    assert quiz.locator(".quiz-answer:visible").count() == 1
    assert reader.evaluate("document.activeElement.getAttribute('role')") == "status"
    second = reader.page.locator(".quiz").nth(1)
    second.get_by_role("radio").first.focus()
    keyboard.press("Space")
    keyboard.press("Tab")
    keyboard.press("Tab")  # past the answer, to the button that shows it
    keyboard.press("Enter")
    assert second.locator(".quiz-answer:visible").count() == second.get_by_role("radio").count()
    assert [entry["how"] for entry in kept(reader).values()] == ["said", "shown"]


def test_a_quiz_takes_one_choice_and_counts(visit: Open) -> None:
    reader = visit(CHAPTER)
    quizzes = reader.page.locator(".quiz")
    first = quizzes.first
    radios = first.get_by_role("radio")
    radios.nth(0).check()
    radios.nth(1).check()
    assert not radios.nth(0).is_checked()
    assert not first.locator(".quiz-answer").first.is_visible()
    first.get_by_role("button", name=COMMIT).click()
    assert first.get_by_role("status").inner_text().strip() == "Right."
    assert first.locator(".quiz-answer:visible").count() == 1
    second = quizzes.nth(1)
    second.get_by_role("radio").first.check()
    second.get_by_role("button", name=COMMIT).click()
    assert second.locator(".quiz-answer:visible").count() == 2  # the chosen one and the right one
    score = reader.page.locator(".quiz-score")
    assert score.inner_text() == f"1 of 2 answers right, {quizzes.count()} questions."
    reader.page.reload()
    assert score.inner_text() == f"1 of 2 answers right, {quizzes.count()} questions."
    assert radios.nth(1).is_checked()


@both
@pytest.mark.chapters("parameters", "gpus")  # with questions for one framework; also as the last
@pytest.mark.parametrize("chapter", ["parameters", "gpus"])
def test_a_quiz_counts_what_the_framework_s_readers_are_asked(visit: Open, chapter: str) -> None:
    reader = visit(f"book/{chapter}.html")
    quizzes, score = reader.page.locator(".quiz"), reader.page.locator(".quiz-score")
    for framework in ("pytorch", "tensorflow"):
        reader.page.locator(f"[name=framework][value={framework}]").check(force=True)
        asked = quizzes.filter(visible=True).count()
        assert 0 < asked < quizzes.count()
        assert score.inner_text() == f"0 of 0 answers right, {asked} questions."


def test_without_scripts_folds_are_folds(visit: Open) -> None:
    reader = visit(CHAPTER, scripts=False)
    page = reader.page
    assert page.locator(".answer-form").count() == 0
    answer = answer_of(reader, "orders")
    assert "Just show me" not in answer.inner_text()
    assert page.locator("#predict-orders li").count() == 3  # the choices, to think about
    assert not answer.locator(".why").is_visible()
    answer.locator("summary").first.click()
    assert answer.locator(".why").is_visible()
    quiz = page.locator(".quiz details").first
    quiz.locator("summary").click()
    assert quiz.locator(".quiz-answer").is_visible()
    aside = page.locator("details.aside").first
    assert not aside.locator("p").first.is_visible()
    aside.locator("summary").first.click()
    assert aside.locator("p").first.is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_axe_finds_nothing_in_any_state(visit: Open, width: int, scheme: str) -> None:
    reader = visit(f"{CHAPTER}?framework={CHOSEN[0]}", width=width, scheme=scheme)
    for form in reader.page.locator(".answer-form").all()[:-1]:
        if not form.is_visible():
            continue
        field = form.locator("[name=said]").first
        if field.get_attribute("type") == "radio":
            field.check()
        else:
            field.fill("7")
        form.get_by_role("button", name=COMMIT).click()
    assert len(kept(reader)) >= 4
    assert violations(reader) == []
    assert too_wide(reader) <= 0


def test_every_question_of_the_book_can_be_answered(visit: Open, site: Site) -> None:
    reader = visit()
    for page in site.chapters():
        if 'class="predict"' not in site.text(page):
            continue
        reader.go(page)
        boxes = reader.page.locator(".predict[data-kind]").count()
        forms = reader.page.locator(".reveal > .answer-form").count()
        assert boxes == forms > 0, page


def test_the_list_of_answers(visit: Open) -> None:
    reader = visit("book/predictions.html")
    place = reader.page.locator("#predictions")
    assert "answered no question" in place.inner_text()
    reader.go(f"{CHAPTER}?framework={CHOSEN[0]}")
    commit(reader, "broadcast", number="3")
    commit(reader, "orders", choice="Clear after")
    answer_of(reader, "leaf").get_by_text("Just show me").click()
    reader.go("book/predictions.html")
    assert "3 answered: 1 right, 1 wrong, 1 shown at once." in place.inner_text()
    assert place.locator("tr.hit").count() == 1
    assert place.locator("ul li").count() == 2  # to read again
    assert violations(reader) == []
    with reader.page.expect_download() as download:
        place.get_by_role("button", name="Save as JSON").click()
    entries = json.loads(Path(download.value.path()).read_text("utf8"))
    assert [entry["id"] for entry in entries] == [
        f"autograd#{name}" for name in ("broadcast", "orders", "leaf")
    ]
    with reader.page.expect_download() as download:
        place.get_by_role("button", name="Save as Markdown").click()
    text = Path(download.value.path()).read_text("utf8")
    assert text.startswith("# Your predictions\n\n## From NumPy") and "What happens: 3\n" in text
    place.locator("ul a").first.click()
    assert "autograd.html" in reader.page.url
    reader.page.locator("#question-orders").wait_for()
    reader.go("book/predictions.html")
    reader.page.once("dialog", lambda dialog: dialog.accept())
    place.get_by_role("button", name="Forget").click()
    assert "answered no question" in place.inner_text()
    assert (
        reader.evaluate("Object.keys(localStorage).filter((key) => key.includes('editions-'))")
        == []
    )
    assert reader.evaluate("document.activeElement.id") == "predictions"


def test_a_key_of_several_lines_stays_an_item_of_the_list(visit: Open) -> None:
    reader = visit("book/predictions.html")
    entry = {"how": "said", "said": "two", "answer": "two", "hit": None, "key": "first\n second\n",
             "page": "autograd", "title": "A title", "question": "What?", "place": "question-leaf",
             "framework": CHOSEN[0], "when": "2026-01-01T00:00:00Z"}  # fmt: skip
    reader.evaluate("([key, value]) => localStorage[key] = value",
                    [ANSWERS, json.dumps({"autograd#leaf": entry})])  # fmt: skip
    reader.page.reload()
    with reader.page.expect_download() as download:
        reader.page.get_by_role("button", name="Save as Markdown").click()
    lines = Path(download.value.path()).read_text("utf8").splitlines()
    assert "  - What happens: first; second" in lines
    assert all(line.startswith(("#", "- ", "  - ")) for line in lines if line)


def test_the_sidebar_says_what_was_read_and_where_to_go_on(visit: Open) -> None:
    reader = visit(CHAPTER)
    link = reader.page.locator(".bd-sidebar-primary a", has_text="From NumPy")
    commit(reader, "broadcast", number="3")
    assert "1 answered" in link.inner_text()
    reader.page.locator("#accumulation").scroll_into_view_if_needed()
    reader.page.mouse.wheel(0, 200)
    reader.page.wait_for_function(f"localStorage['{READ}']?.includes('autograd')")
    reader.go("book/setup.html")
    go_on = reader.page.get_by_role("link", name="Continue: From NumPy")
    assert "autograd.html" in go_on.get_attribute("href")
    assert "#" in go_on.get_attribute("href")
    assert violations(reader) == []
    go_on.click()
    reader.page.wait_for_url("**/autograd.html*")
    reader.page.wait_for_load_state()
    assert reader.page.locator(".continue").count() == 0
    reader.evaluate("scrollTo(0, document.body.scrollHeight)")
    reader.page.wait_for_function(f"JSON.parse(localStorage['{READ}']).pages?.autograd")
    assert "read, 1 answered" in link.inner_text()


def test_pages_without_questions_load_no_script_for_them(visit: Open) -> None:
    reader = visit("book/setup.html")
    assert not any("questions.js" in url for url in reader.requests)
    reader.go(CHAPTER)
    assert any("questions.js" in url for url in reader.requests)


@pytest.mark.parametrize(
    "damaged",
    ["{not json", "null", "[1]", '{"autograd#broadcast": 5}', '{"autograd#broadcast": null}',
     '{"autograd#broadcast": {"how": "said"}}'],
)  # fmt: skip
def test_storage_that_is_full_or_damaged_does_no_harm(visit: Open, damaged: str) -> None:
    reader = visit("book/predictions.html")
    for key in (ANSWERS, READ):
        reader.evaluate("([key, value]) => localStorage[key] = value", [key, damaged])
    reader.page.reload()
    assert "answered no question" in reader.page.locator("#predictions").inner_text()
    reader.go(CHAPTER)
    answer = commit(reader, "broadcast", number="3")
    assert answer.locator(".verdict .right").is_visible()
    reader.evaluate(
        """() => { Storage.prototype.setItem = () => { throw new Error('full') };
        Object.defineProperty(window, 'localStorage', { value: new Proxy({}, {
          set() { throw new Error('full'); } }) }); }"""
    )
    answer = commit(reader, "orders", choice="Do not clear")
    assert answer.locator(".why").is_visible()


def test_two_books_on_one_host_keep_their_own_answers(
    browser: Any, site: Site, tmp_path: Path
) -> None:
    for name in ("spring", "fall"):
        (tmp_path / name).symlink_to(site.folder)
    with serve(tmp_path) as host:
        reader = Visit(browser, host, f"spring/{CHAPTER}")
        commit(reader, "broadcast", number="3")
        reader.go(f"fall/{CHAPTER}")
        assert not answer_of(reader, "broadcast").locator(".verdict p").count()
        reader.go("fall/book/predictions.html")
        assert "answered no question" in reader.page.locator("#predictions").inner_text()
        reader.go("spring/book/predictions.html")
        assert reader.page.locator("#predictions tbody tr").count() == 1
        assert reader.complaints == []
        reader.close()


def test_answers_that_were_kept_without_a_path_are_taken_over(visit: Open) -> None:
    reader = visit(CHAPTER)
    commit(reader, "broadcast", number="3")
    reader.evaluate(
        f"""() => {{ localStorage['editions-answers'] = localStorage['{ANSWERS}'];
        delete localStorage['{ANSWERS}']; }}"""
    )
    reader.page.reload()
    assert answer_of(reader, "broadcast").locator(".verdict .right").is_visible()
    assert reader.evaluate("localStorage['editions-answers'] === undefined")


@pytest.mark.chapters("blocks")
@pytest.mark.parametrize("address", ["book/index.html", "book/"])
def test_the_question_of_the_landing_page_is_the_chapter_s(visit: Open, address: str) -> None:
    reader = visit(address)
    box = reader.page.locator(".predict[data-kind]")
    name = box.get_attribute("data-predict")
    form = answer_of(reader, name or "")
    if form.get_by_role("radio").count():
        form.get_by_role("radio").first.check()
    else:
        form.get_by_label("Your prediction").fill("3")
    form.get_by_role("button", name=COMMIT).click()
    assert form.locator(".why:visible").count() == 1
    assert form.locator(".verdict p").first.is_visible()
    assert list(kept(reader)) == [f"blocks#{name}"]
    reader.go("book/predictions.html")
    place = reader.page.locator("#predictions")
    assert place.locator("h2 a").first.inner_text() == "Layers and blocks"
    place.locator("tbody a").first.click()
    assert "/book/blocks.html" in reader.page.url
    answer_of(reader, name or "").locator(".verdict p").first.wait_for()
