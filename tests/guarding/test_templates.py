"""Chat templates made to harm whoever renders them."""

import json
from pathlib import Path

import pytest

from core.errors import UserError
from core.strict_json import Damaged
from guarding import templates

LOOP = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}"
ENDS = "{% endfor %}{% endfor %}{% endfor %}"
HARMLESS = (
    "{% for message in messages %}{{ message.content }}{% endfor %}",
    "{{ raise_exception('roles must alternate') }}",
    "{{ broken",
    "{{ messages.__class__.__mro__ }}",
)
HOSTILE = {
    LOOP + "{{ a }}" + ENDS: "did not end within 2 s",
    "{{ 9 ** (9 ** 9) }}": "did not end within 2 s",
    "{{ 'a' * 9999999999 }}": "wants more than 1024 MiB",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    templates._check.cache_clear()
    monkeypatch.setattr(templates, "SECONDS", 2)


@pytest.mark.parametrize("template", HARMLESS)
def test_templates_that_end_are_let_pass(base: Path, template: str) -> None:
    (base / "chat_template.jinja").write_text(template)
    templates.check(base)


@pytest.mark.parametrize("template", HOSTILE)
def test_templates_that_do_not_are_refused(base: Path, template: str) -> None:
    named = [{"name": "default", "template": template}]
    (base / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    with pytest.raises(UserError, match=f"the chat template of tiny {HOSTILE[template]}"):
        templates.check(base)


def test_a_link_that_leads_out_is_not_followed(base: Path) -> None:
    (base / "chat_template.jinja").symlink_to("/etc/passwd")
    with pytest.raises(Damaged, match="leads out"):
        templates.check(base)


@pytest.mark.parametrize(
    "name", ["chat_template.json", "processor_config.json", "additional_chat_templates/rag.jinja"]
)
def test_templates_are_looked_for_wherever_libraries_find_them(base: Path, name: str) -> None:
    (base / "chat_template.jinja").write_text(HARMLESS[0])
    template = next(iter(HOSTILE))
    (base / name).parent.mkdir(exist_ok=True)
    held = json.dumps({"chat_template": template}) if name.endswith("json") else template
    (base / name).write_text(held)
    with pytest.raises(UserError, match="did not end within 2 s"):
        templates.check(base)
