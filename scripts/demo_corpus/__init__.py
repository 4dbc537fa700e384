"""A procedurally generated, English-like corpus for the demo model: five families from one seed.

The formats are those of the published data sets (UltraChat, GSM8K, HellaSwag, PIQA, ARC); the
contents are invented here. ``Corpus`` holds the tables and streams the training documents.

Example: ``python -m scripts.demo_corpus --seed 0 --output_dir demo/data``
"""

from .corpus import Corpus, Document

__all__ = ["Corpus", "Document"]
