"""A handful of demonstrations as many: other values, other wordings, other rows, the same deeds.

variants.py   one demonstration as another that could have been recorded
values.py     the words that are values, and other words in their place
slots.py      where the instruction names what is done, and by which name the page calls it
wording.py    the instruction in other words
forms.py      fields in another order, others filled in
rows.py       rows in another order, some left out; refs with other numbers
words.py      words to draw from
"""

from data_gen.augment.variants import Demonstration, Variants, demonstrations, rows_to_learn, spread, thinned

__all__ = ["Demonstration", "Variants", "demonstrations", "rows_to_learn", "spread", "thinned"]
