"""What a person does on a page as an episode of the trajectory dataset.

gestures.py   the person's input as actions
recorder.py   a browser that is watched
store.py      episodes into a dataset
"""

from data_gen.recording.recorder import Recorder, RecordError
from data_gen.recording.store import add_episode, check_dataset

__all__ = ["RecordError", "Recorder", "add_episode", "check_dataset"]
