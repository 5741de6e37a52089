"""The published protocols, exactly: tasks, page seeds, step limits, rules."""

import numpy as np
import pytest

from data_gen.dataset import is_reserved
from envs import tasks
from webagent import protocols
from webagent.protocols import CHECKPOINT_SEEDS, PROTOCOLS, ProtocolError, seeds_of_checkpoint

SHA = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


def pairs(name):
    protocol = PROTOCOLS[name]
    return [(task.name, seed) for task in tasks.select(protocol.suite) for seed in protocol.seeds(task.name)]


@pytest.mark.parametrize(
    ("name", "episodes", "distinct", "steps", "rule"),
    [
        ("webgum56", 5600, 5600, None, "strict"),
        ("browsergym125", 625, 590, 10, "raw > 0"),
        ("pix2act59", 5800, 5800, 30, "raw > 0"),
        ("split62-63", 6300, 6300, None, "strict"),
        ("all", 13000, 13000, None, "strict"),
    ],
)
def test_size_step_limit_and_rule(name, episodes, distinct, steps, rule):
    found, protocol = pairs(name), PROTOCOLS[name]
    assert (len(found), len(set(found)), protocol.max_steps, protocol.rule) == (episodes, distinct, steps, rule)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_no_protocol_measures_on_training_seeds(name):
    assert all(is_reserved(seed) for _, seed in pairs(name))
    assert PROTOCOLS[name].warning() == ""


def test_browsergyms_task_seeds_are_one_sequence_through_its_tasks_in_their_order():
    names = [task.name for task in tasks.select("browsergym125")]
    assert names == sorted(names)
    drawn = np.random.RandomState(42).randint(0, 34, 625).reshape(125, 5)
    assert protocols.browsergym_task_seeds() == {n: tuple(s) for n, s in zip(names, drawn.tolist(), strict=True)}
    assert {seed for seeds in drawn.tolist() for seed in seeds} == set(range(34))


def test_browsergyms_page_seed_is_the_first_number_drawn_from_the_task_seed():
    assert protocols.browsergym_page_seed(3) == np.random.RandomState(3).randint(0, 1000000)
    assert all(0 <= seed < 1_000_000 for seed in PROTOCOLS["browsergym125"].seeds("click-button"))


def test_a_task_or_number_that_browsergyms_formula_has_not_is_refused():
    with pytest.raises(ProtocolError, match="chase-circle"):
        PROTOCOLS["browsergym125"].seeds("chase-circle")


def test_the_two_splits_are_disjoint_and_together_browsergyms_tasks():
    train, test = ({task.name for task in tasks.select(suite)} for suite in ("split62", "split63"))
    assert (len(train), len(test), train & test) == (62, 63, set())
    assert train | test == {task.name for task in tasks.select("browsergym125")}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_states_rule_steps_time_and_seeds(name):
    assert {"protocol", "success", "step limit", "time", "page seeds"} <= PROTOCOLS[name].facts().keys()


def test_an_unknown_protocol_is_refused_with_those_there_are():
    with pytest.raises(ProtocolError, match="webgum56"):
        protocols.get("webgum57")


def test_the_seeds_of_a_checkpoint_are_a_block_that_follows_from_its_hash():
    seeds = seeds_of_checkpoint(SHA, 100)
    assert seeds == seeds_of_checkpoint(SHA, 100) and len(seeds) == 100
    assert seeds.start in CHECKPOINT_SEEDS and seeds[-1] in CHECKPOINT_SEEDS
    assert seeds_of_checkpoint(SHA.replace("5f", "60"), 100) != seeds
    assert seeds_of_checkpoint("f" * 64, len(CHECKPOINT_SEEDS)) == CHECKPOINT_SEEDS
    with pytest.raises(ProtocolError):
        seeds_of_checkpoint(SHA, len(CHECKPOINT_SEEDS) + 1)
