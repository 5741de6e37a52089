"""A T5 tokenizer folder of the real layout, small, made on the spot."""

from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import T5TokenizerFast

PIECES = ["▁", "▁the", "click", "▁click", "Sub", "mit", "▁Submit", "in", "er", "▁a", "input", "button", "19", "20"]


def write_t5_tokenizer(folder: Path) -> Path:
    """Unigram pieces, 100 sentinels, and none of the characters that the published T5 vocabulary lacks."""
    characters = [chr(c) for c in range(33, 127) if chr(c) not in "<\\^`{}~"]
    scored = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    scored += [(piece, -5.0 - n / 100) for n, piece in enumerate(PIECES)] + [(c, -9.0) for c in characters]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=100).save_pretrained(folder)
    return folder
