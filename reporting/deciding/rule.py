"""The figures that the decision's rule (docs/report.md) is about: all it knows by name."""

LATENCY = "sequential"  # one user's headline figure
THROUGHPUT = "batch"  # the headline figure of the largest variant
MEMORY = ("memory", "weights_bytes")
CACHE = ("memory", "kv_cache_bytes")  # for as many full requests:
REQUESTS = ("memory", "max_concurrency")
LOSS = ("divergence", "kl_mean")  # of schemes that tie
