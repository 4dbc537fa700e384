"""Columns that several studies have."""

from studies._preset import Column

GB = 1024**3
MS = 1 / 1000

RATE = Column(heading="Tokens/Second", measure="sequential", figure="output_tokens_per_s")
PER_TOKEN = Column(heading="Time/Token (ms)", measure="sequential", figure="tpot_s", per=MS)
TOTAL = Column(heading="Total Time (s)", measure="sequential", figure="total_s")
LATENCY = Column(heading="Latency (s)", measure="sequential", figure="e2e_latency_s", digits=3)
PEAK = Column(heading="Peak (GB)", measure="memory", figure="peak_bytes", per=GB, digits=3)
WEIGHTS = Column(heading="Weights (GB)", measure="memory", figure="weights_bytes", per=GB, digits=4)
PERPLEXITY = Column(heading="Perplexity", measure="perplexity", figure="perplexity")
