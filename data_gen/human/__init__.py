"""The public human demonstrations of MiniWoB++ (Liu et al. 2018, arXiv 1802.08802) as a dataset of trajectories.

pages.py       what the recordings leave out of a page
tree.py        one recorded state of a page, read
serializer.py  ... as the html, boxes and refs of an observation
events.py      recorded events; what single gestures mean
actions.py     all events of a demonstration as actions
episode.py     one demonstration as an episode
importer.py    folders of demonstrations as a dataset: ``webagent import-demos``
agreement.py   people beside our oracles
"""

from data_gen.human.episode import convert
from data_gen.human.events import Unconvertible
from data_gen.human.importer import ImportDemosConfig, ImportDemosError, import_demos

__all__ = ["ImportDemosConfig", "ImportDemosError", "Unconvertible", "convert", "import_demos"]
