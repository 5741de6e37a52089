"""Words that are alike: a match feature that is learnt, for words that mean the same and are written differently.

Each word has a vector. A word of the page counts as alike to the instruction as far as the product of its vector with
that of some word there stands out, and the reverse. Its elements are told too, as they are of words that are the same
(``policies.matching``). Since what a match is good for is known from those, a wrong or a right choice says directly
which two words are alike.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
import scipy.sparse.linalg
import torch
from scipy.sparse import coo_array
from torch import Tensor, nn

from policies.matching import ASKED, FEATURES
from policies.processor import Example

_SAME = FEATURES.index("same word")
_IN_PAGE = FEATURES.index("in the page part")
LIKE_WORD = ("same word", "same word, same case")
LIKE_ELEMENT = ("name in instruction", "name shares a word")
"""The match features like whose embeddings a later stage begins, where it begins with weights that lack this."""
_THRESHOLD = 2.0
_NOT_AT_ALL = 1 / (1 + math.exp(_THRESHOLD))
_FAR, _LEAST = -1e4, -30.0
_SEEN = 4
"""Times that two words must have been seen together to count as alike at the start."""
_SURE = 5.0
"""What the products of such words' vectors are on average, at the start."""


class Alike(nn.Module):
    """Embeddings that are added to the encoder's input.

    Args:
        vocab_size: tokens; a word's vector is that of its first one.
        size: of the vectors.
        width: d_model.
    """

    def __init__(self, vocab_size: int, size: int, width: int):
        super().__init__()
        self.meaning = nn.Embedding(vocab_size, size)
        self.word = nn.Parameter(torch.empty(width))
        self.element = nn.Parameter(torch.empty(width))
        nn.init.normal_(self.meaning.weight, std=0.1)
        nn.init.normal_(self.word, std=0.5)
        nn.init.normal_(self.element, std=0.5)

    def forward(self, ids: Tensor, features: Tensor, words: Tensor, elements: Tensor, asked: Tensor) -> Tensor:
        """What is added to each token.

        Args:
            ids: int64 [B, L].
            features: uint8 [B, L, F], the match features.
            words: bool [B, L], where a word begins.
            elements: bool [B, L], where an element is that can be acted on.
            asked: int64 [B, T], where the words of the instruction are, -1 where one has fewer.

        Returns:
            float [B, L, d_model].
        """
        degree = self.degree(ids, features, words, asked)
        # An element has the highest degree among the words from its tag to the next element's.
        owner = elements.cumsum(-1)
        best = torch.zeros_like(degree).scatter_reduce(1, owner, degree, "amax").gather(1, owner) * elements
        degree, best = (torch.where(d > 0, d - _NOT_AT_ALL, 0.0)[..., None] for d in (degree, best))
        return degree * self.word + best * self.element

    def degree(self, ids: Tensor, features: Tensor, words: Tensor, asked: Tensor) -> Tensor:
        """How much each word is alike to one of the other part, instruction or page: float [B, L].

        About 0.12 is not at all, 1 is the most. It is 0 for what is no word, and for words that the other part has as
        they are.
        """
        vectors, there = self.meaning(ids), asked >= 0
        task, page = words & (features[..., ASKED] != 0), words & (features[..., _IN_PAGE] != 0)
        of_task = vectors.gather(1, asked.clamp(min=0)[..., None].expand(-1, -1, vectors.shape[-1]))
        products = (of_task @ vectors.transpose(1, 2)).masked_fill(~(there[..., None] & page[:, None]), _FAR)
        length = ids.shape[1]
        places = torch.where(there, asked, length)  # what is not there goes behind the end, and away
        found = nn.functional.pad(products.logsumexp(1), (0, 1)).scatter(1, places, products.logsumexp(2))[:, :length]
        count = task * page.sum(-1, keepdim=True) + page * task.sum(-1, keepdim=True)
        stands_out = found - count.clamp(min=1).log()
        # What is not looked at is far below; there the sigmoid takes long.
        degree = torch.sigmoid((stands_out - _THRESHOLD).clamp(min=_LEAST))
        return torch.where((count > 0) & (features[..., _SAME] == 0), degree, 0.0)

    @torch.no_grad()
    def begin(self, examples: Iterable[tuple[str, Example]]) -> None:
        """Sets the vectors by what demonstrations did: which words of elements were acted on at which words of tasks.

        The vectors' products are made to be near the pairs' positive pointwise mutual information, as Levy and Goldberg
        2014 (Neural Word Embedding as Implicit Matrix Factorization) do by a singular value decomposition.

        Args:
            examples: the task's name and an example with its action. Pairs count against what is usual in their task.
        """
        found = _mutual_information(examples, self.meaning.num_embeddings)
        size = min(self.meaning.embedding_dim, len(words := np.unique(found.row)) - 1)
        if size < 1:
            return
        small = found.tocsr()[words][:, words]
        values, directions = scipy.sparse.linalg.eigsh(small, k=size, which="LA", v0=np.ones(len(words)))
        vectors = directions * np.sqrt(values.clip(min=0))
        pairs = small.tocoo()
        typical = float((vectors[pairs.row] * vectors[pairs.col]).sum(1).mean())
        if typical > 0:
            self.meaning.weight[words, :size] += torch.from_numpy(vectors * math.sqrt(_SURE / typical)).float()


def _mutual_information(examples: Iterable[tuple[str, Example]], vocabulary: int) -> coo_array:
    """Positive pointwise mutual information of words of the instruction and of the element acted on, both ways."""
    counts: dict[str, int] = Counter()
    single: dict[str, tuple[Counter, Counter]] = defaultdict(lambda: (Counter(), Counter()))
    pairs: dict[str, Counter] = defaultdict(Counter)
    for task, example in examples:
        if not example.kinds.size or (place := int(example.positions[0, 0])) < 0:
            continue
        apart = example.words & (example.features[:, _SAME] == 0)
        asked = set(example.input_ids[apart & (example.features[:, ASKED] != 0)].tolist())
        later = np.flatnonzero(example.verbs[place + 1 :])
        element = slice(place, place + 1 + int(later[0]) if later.size else None)
        acted = set(example.input_ids[element][apart[element]].tolist())
        counts[task] += 1
        single[task][0].update(asked)
        single[task][1].update(acted)
        pairs[task].update((one, other) for one in asked for other in acted)
    together: dict[tuple[int, int], int] = defaultdict(int)
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for task, seen in pairs.items():
        for (one, other), count in seen.items():
            usual = single[task][0][one] * single[task][1][other] / counts[task]
            for pair in ((one, other), (other, one)):
                together[pair] += count
                expected[pair] += usual
    kept = {
        pair: value
        for pair, count in together.items()
        if count >= _SEEN and pair[0] != pair[1] and (value := math.log(count / (expected[pair] + 1))) > 1
    }
    rows, columns = np.array([*kept], int).reshape(-1, 2).T
    return coo_array((np.array([*kept.values()]), (rows, columns)), shape=(vocabulary, vocabulary))
