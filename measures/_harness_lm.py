"""A loaded engine as lm-eval wants its models: the same prompts, cut and scored as its own do.

A subclass needs lm-eval at the top of its file; `measures/harness.py` imports that when it runs.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from lm_eval.api.model import TemplateLM  # noqa: TID253
from lm_eval.models.utils import (  # noqa: TID253
    maybe_truncate,
    normalize_gen_kwargs,
    postprocess_generated_text,
)
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window  # noqa: TID253

from core.engine import Sampling, TokenIds
from core.measure import Loaded
from measures._answers import NotFinite
from quality.tasks import answer_room

CHUNK = 512  # requests sent at once: between two of them a sign of life is given


class LoadedLM(TemplateLM):  # type: ignore[misc]
    """lm-eval's model interface over `Loaded`.

    By task, `generated` counts answers, `empty` those without text and `answers_cut` those that
    used up their room; `documents_cut` are documents with a prompt that lost its beginning. lm-eval
    sends all requests of a kind together; of `kinds` there are so many.
    """

    def __init__(self, loaded: Loaded, add_bos_token: bool, kinds: int = 1) -> None:
        super().__init__()
        self.kinds, self.kinds_begun = kinds, 0
        self.loaded, self.engine = loaded, loaded.engine
        self.add_bos_token = add_bos_token
        self.max_length = loaded.description.max_model_len - 1  # vLLM always makes one token
        self.generated: Counter[str] = Counter()
        self.empty: Counter[str] = Counter()
        self.answers_cut: Counter[str] = Counter()
        self.documents_cut: defaultdict[str, set[int]] = defaultdict(set)
        self.asked: list[Any] = []  # the requests whose tokens are being scored

    @property
    def eot_token_id(self) -> int:
        """The end of a sequence."""
        return self.engine.start_ids[1]

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text without context: BOS, or EOS where there is none."""
        begin, end = self.engine.start_ids
        return end if begin is None else begin

    @property
    def tokenizer_name(self) -> str:
        """Only lm-eval's own caches use it, and these are off."""
        return ""

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **ignored: Any
    ) -> TokenIds:
        """Token ids; a text that begins with BOS already does not get a second one."""
        special = self.add_bos_token if add_special_tokens is None else add_special_tokens
        ids = self.engine.encode(string, special)
        begin = self.engine.start_ids[0]
        return ids[1:] if begin is not None and ids[:2] == [begin, begin] else ids

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The chat as the model's template writes it."""
        text = self.engine.render_chat(chat_history, add_generation_prompt)
        if text is None:
            raise ValueError("the model has no chat template")
        return text

    def chat_template(self, chat_template: bool | str = False) -> str:
        """lm-eval only notes it."""
        return ""

    def loglikelihood(
        self, requests: list[Any], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """As lm-eval's, remembering whose prompts they are."""
        self.asked = requests
        self.kinds_begun += 1
        scored: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm)
        return scored

    def _loglikelihood_tokens(
        self, requests: list[tuple[Any, TokenIds, TokenIds]], **ignored: Any
    ) -> list[tuple[float, bool]]:
        """Log-probability of each continuation and whether it is the greedy one.

        Too long contexts lose their beginning. Raises `NotFinite`.
        """
        cut = [
            ((context + answer)[-self.max_length :], len(answer)) for _, context, answer in requests
        ]
        for n, (_, context, answer) in enumerate(requests):
            if len(context) + len(answer) > self.max_length:
                self._lost_beginning(self.asked[n])
        order = sorted(range(len(cut)), key=lambda n: -len(cut[n][0]))
        answers: dict[int, tuple[float, bool]] = {}
        for numbers in _chunks(order):
            scored = self.engine.score([cut[n][0] for n in numbers])
            for n, scores in zip(numbers, scored, strict=True):
                first = max(0, len(scores.logprobs) - cut[n][1])
                total = float(scores.logprobs[first:].sum())
                if not math.isfinite(total):
                    raise NotFinite(f"a log-probability is {total}")
                answers[n] = total, bool(scores.greedy[first:].all())
            self._got_on(len(answers), len(cut))
        return [answers[n] for n in range(len(cut))]

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """Log-probability of whole texts, in windows as lm-eval's own models make them."""
        return [self._rolling(request.args[0]) for request in requests]

    def _rolling(self, text: str) -> float:
        windows = get_rolling_token_windows(
            token_list=self.tok_encode(text, add_special_tokens=False),
            prefix_token=self.prefix_token_id,
            max_seq_len=self.max_length - 1,
            context_len=1,
        )
        pairs = [(None, *make_disjoint_window(window)) for window in windows]
        return sum(total for total, _ in self._loglikelihood_tokens(pairs))

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Answers up to a task's stop texts, which are cut off."""
        self.kinds_begun += 1
        prepared = [self._prepare(request) for request in requests]
        order = sorted(range(len(prepared)), key=lambda n: (repr(prepared[n][1]), n))
        texts: dict[int, str] = {}
        for numbers in _chunks(order):
            for sampling in dict.fromkeys(prepared[n][1] for n in numbers):
                alike = [n for n in numbers if prepared[n][1] == sampling]
                answers = self.engine.generate([prepared[n][0] for n in alike], sampling)
                for n, answer in zip(alike, answers, strict=True):
                    text = self.engine.decode(answer.token_ids)
                    texts[n] = postprocess_generated_text(text, list(sampling.stop), None)
                    stopped = not answer.used_up or texts[n] != text
                    self.answers_cut[requests[n].task_name] += not stopped
            self._got_on(len(texts), len(prepared))
        for n, request in enumerate(requests):
            self.generated[request.task_name] += 1
            self.empty[request.task_name] += not texts[n].strip()
        return [texts[n] for n in range(len(prepared))]

    def _prepare(self, request: Any) -> tuple[TokenIds, Sampling]:
        """Token ids and how they are answered.

        Where both do not fit, the answer keeps its room and the prompt loses its beginning, BOS
        with it, as in lm-eval's own model of vLLM.
        """
        context, gen_kwargs = request.args
        settings = normalize_gen_kwargs(dict(gen_kwargs))
        until, length = settings["until"], self.max_length + 1
        room = answer_room(request.task_name, settings, length)
        ids = self.tok_encode(context)
        kept, room = maybe_truncate(ids, room, length, verbose=False)
        if len(kept) < len(ids):
            self._lost_beginning(request)
        sampling = Sampling(
            max_new_tokens=room,
            temperature=float(settings["temperature"]) if settings["do_sample"] else 0.0,
            top_p=float(settings.get("top_p", 1.0)),
            ignore_eos=False,
            stop=tuple([until] if isinstance(until, str) else until),
        )
        return kept, sampling

    def _got_on(self, done: int, total: int) -> None:
        """So many requests of the kind that is being answered are done."""
        self.loaded.tick((self.kinds_begun - 1) * total + done, self.kinds * total)

    def _lost_beginning(self, request: Any) -> None:
        self.documents_cut[request.task_name].add(request.doc_id)

    def counts(self, task: str) -> dict[str, int]:
        """What a record counts of a task: documents and answers that were cut, and all answers."""
        return {
            "generated": self.generated[task],
            "prompts_cut": len(self.documents_cut[task]),
            "answers_cut": self.answers_cut[task],
        }


def _chunks(order: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(order), CHUNK):
        yield order[start : start + CHUNK]
