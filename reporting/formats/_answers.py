"""The page's answers: each prompt as it was asked, with a scheme's answer next to the base's."""

from reporting.deciding.candidate import BASE, Candidate
from reporting.deciding.study import Study
from reporting.formats._markup import Markup, element
from reporting.reading import measures

MOST_ANSWERS = 5
BENT = (KeyError, TypeError, ValueError, AttributeError)  # raw values that are not this measure's


def answers(study: Study, candidate: Candidate) -> list[Markup]:
    """The first generated texts of each measure that has any."""
    base = study.base if not candidate.is_base else None
    drawn = []
    for key in candidate.quality:
        own, others = _generated(candidate, key), _generated(base, key) if base else []
        prompts = _prompts(candidate, key)
        for number, text in enumerate(own[:MOST_ANSWERS]):
            told = [(f"Prompt {number + 1}", prompts[number])] if number < len(prompts) else []
            texts = {candidate.scheme: text}
            if number < len(others):
                texts[BASE] = others[number]
            drawn.append(_answer(told, texts))
    return drawn


def _answer(prompt: list[tuple[str, str]], texts: dict[str, str]) -> Markup:
    """A prompt above the answers to it, which are one where they are the same word for word."""
    if len(texts) > 1 and len(set(texts.values())) == 1:
        texts = {f"{' and '.join(texts)}, word for word": next(iter(texts.values()))}
    asked = [_text(label, text, "prompt") for label, text in prompt]
    both = element("div", *(_text(name, text) for name, text in texts.items()), class_="both")
    return element("div", *asked, both, class_="answer")


def _text(label: str, text: str, kind: str = "") -> Markup:
    shown = element("div", text, class_="text")
    return element("div", element("p", label, class_="label"), shown, class_=kind or None)


def _generated(candidate: Candidate, key: str) -> list[str]:
    measure, stored = measures.of_key(key), candidate.quality.get(key)
    if measure is None or measure.shown.answers is None or not stored or not candidate.record(key):
        return []
    try:
        return [str(text) for text in measure.shown.answers(stored.raw())]
    except BENT:
        return []


def _prompts(candidate: Candidate, key: str) -> list[str]:
    measure, record = measures.of_key(key), candidate.record(key)
    if measure is None or record is None:
        return []
    try:
        return [str(prompt) for prompt in measure.shown.prompts(record.settings)]
    except BENT:
        return []
