"""The reward of a log that names none: an agent's score, or the reward of one of several agents."""

from collections.abc import Mapping

from .content import Content
from .names import meaning, words_of
from .reward_names import is_of_agent, is_score


def scores(found: Mapping[str, Content], *, is_printed: bool) -> dict[str, tuple[str, ...]]:
    """`Episode 100 Average Score: 13.2`: a score by steps or episodes, and nothing else, is an agent's reward.

    A table may be about anything, and a score in it one of a pupil: there only a reward by episodes is an agent's.
    Of several agents, `Prey Reward` and `Predator Reward` without a total, the first is taken: none is the whole.
    """
    words = {name: words_of(name) for name, held in found.items() if held.values}
    if is_printed:
        named = [name for name, said in words.items() if is_score(said) or is_of_agent(said)]
    else:
        has_episodes = any("episode" in said or "episodes" in said for said in words.values())
        named = [name for name, said in words.items() if has_episodes and is_of_agent(said)]
    canonicals = {what.canonical for name in found if (what := meaning(name))}
    return {"reward": (named[0],)} if named and "step" in canonicals and "epoch" not in canonicals else {}
