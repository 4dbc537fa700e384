"""The demo model's tokenizer: a byte-level BPE of 2,048 entries that keeps digits apart.

Digits apart make arithmetic learnable for so small a model. Encoding with special tokens puts
the beginning-of-text token first, as Llama 3's tokenizer does.

Example: ``build_tokenizer(Corpus(0)).save_pretrained("demo/model")``
"""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from scripts.demo_corpus import Corpus, Document

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 2048
TOKENIZER_DOCUMENTS = 40_000
BEGIN, END, END_OF_TURN, PAD = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<|pad|>",
)
ROLES = ("system", "user", "assistant")
SPECIAL_TOKENS = [BEGIN, END, END_OF_TURN, PAD, *(f"<|{role}|>" for role in ROLES)]
CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{{- '<|' + message['role'] + '|>\\n' + message['content'] | trim + '<|end_of_turn|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>\\n' }}{%- endif %}"
)


def document_text(document: Document) -> str:
    """Return ``document`` as the model sees it, without its first and last special token.

    A chat comes out as ``CHAT_TEMPLATE`` renders it; a test holds the two together.
    """
    if isinstance(document, str):
        return document
    return "".join(f"<|{m['role']}|>\n{m['content'].strip()}{END_OF_TURN}\n" for m in document)


def _plain_texts(corpus: Corpus) -> Iterator[str]:
    for document in islice(corpus.training_documents("tokenizer"), TOKENIZER_DOCUMENTS):
        if isinstance(document, str):
            yield document
        else:
            yield from (message["content"] for message in document)


def build_tokenizer(corpus: Corpus) -> "PreTrainedTokenizerFast":
    """Train the tokenizer on a sample of the corpus."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_plain_texts(corpus), trainer)
    begin = (BEGIN, tokenizer.token_to_id(BEGIN))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN}:1 $B:1", special_tokens=[begin]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )
