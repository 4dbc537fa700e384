"""Words of the trade, each in one sentence: tooltips and list of the page, docs/glossary.md."""

import re

# term: in which headings it is explained (a pattern), and the sentence
TERMS: dict[str, tuple[str, str]] = {
    "AMX": (
        r"AMX",
        "matrix units of newer Intel processors, which multiply INT8 and BF16",
    ),
    "AVX-512": (r"AVX-512", "vector instructions that vLLM's INT4 kernel for processors needs"),
    "BASE": (r"BASE", "the uncompressed model, which every scheme is compared with"),
    "bits per weight": (
        r"bits.weight",
        "what a weight takes on disk on average, scales and zero points included",
    ),
    "BLEU and chrF": (
        r"BLEU|chrF",
        "how many words (BLEU) or characters (chrF) in a row an answer shares with the reference, "
        "0 to 100",
    ),
    "first token": (r"first token", "time from sending a request to its first token (TTFT)"),
    "full requests": (
        r"full requests",
        "requests of the longest length whose KV cache fits at the same time",
    ),
    "KL divergence": (
        r"\bKL\b",
        "how far a checkpoint's probabilities of the next token are from the base's, in nats per "
        "token over a text: 0 where both predict the same",
    ),
    "KV tokens": (
        r"KV (cache|tokens)",
        "tokens of running requests that the KV cache has room for, what attention keeps of each",
    ),
    "latency": (r"latency", "time from sending a request to its last token"),
    "load": (
        r"\bload\b|users?\b",
        "how many requests are answered at the same time: so many users",
    ),
    "p99": (r"p99", "the 99th percentile: one in a hundred is worse"),
    "p": (
        r"^p$",
        "the probability that documents change for better and worse as unevenly as here although "
        "nothing was lost (McNemar's test)",
    ),
    "Pareto front": (r"Pareto", "the schemes that no other beats in both speed and quality"),
    "peak": (r"peak", "the most memory in use above what was in use before the load"),
    "perplexity": (
        r"perplexity",
        "how many tokens the model hesitates between at each place of a text; less is better",
    ),
    "recovery": (
        r"recovery",
        "the mean score of the tasks as a share of the base's: 100 % where nothing was lost",
    ),
    "ROUGE-L": (
        r"ROUGE",
        "the longest sequence of words an answer shares with the reference, as a share of both, "
        "0 to 1",
    ),
    "saturation": (
        r"saturation",
        "the number of users from which more of them add no throughput",
    ),
    "speed-up": (
        r"speed-up",
        "how many times as fast as BASE: above 1 is faster; ~ where both are indistinguishable",
    ),
    "SQNR": (
        r"SQNR",
        "signal to quantization noise ratio: a layer's weights against their rounding error, in "
        "dB; 6 dB more is half the error",
    ),
    "time per token": (r"time per token", "time between two tokens of an answer (TPOT)"),
    "top-1 agreement": (
        r"top-1",
        "the share of places where both models hold the same token the likeliest",
    ),
    "verdict": (
        r"verdict|quality",
        "pass, fail or undecided: whether the loss is shown to be within the accepted margin",
    ),
}


def explain(heading: str) -> str:
    """What the words of a heading mean, as a tooltip; empty where they are plain."""
    return "; ".join(f"{term}: {text}" for term, text in meanings([heading]).items())


def meanings(headings: list[str]) -> dict[str, str]:
    """The terms that occur in headings, each with its sentence."""
    return {
        term: text
        for term, (pattern, text) in TERMS.items()
        if any(re.search(pattern, heading) for heading in headings)
    }
