"""What the reward of an agent is called: `rollout/ep_rew_mean`, `charts/episodic_return`, `AverageEpRet`."""

from collections.abc import Sequence

_REWARDS = {"reward", "rewards", "rew", "return", "returns", "ret"}
_SCORES = ({"critic", "score"}, {"objective", "scores"})
"""What trainers of language models call the reward."""
_BESIDE = {
    "mean", "avg", "average", "ep", "eps", "episode", "episodes", "episodic", "env", "rollout", "train", "training",
    "eval", "evaluation", "test", "charts", "total", "critic", "objective", "score", "scores", "running", "cumulative",
    "discounted", "undiscounted", "per", "agent", "runners", "sampler", "results",
}  # fmt: skip
"""Words that leave it the whole reward; `reward_std`, `rewards/chosen` and `format_reward` are something else."""


_MEASURES = {
    "std", "min", "max", "best", "var", "shaped", "shaping", "extra", "penalty", "bonus", "format", "accuracy",
    "length", "intrinsic", "norm", "target", "no", "of", "the", "last",
}  # fmt: skip
"""Words before `reward` that are no agent, but say what is counted or how."""


def reward_rank(words: Sequence[str]) -> int | None:
    """Of two rewards the one with the lower rank is taken; None for a name that is none."""
    said = set(words)
    if not (said & _REWARDS or any(score <= said for score in _SCORES)) or not said <= _REWARDS | _BESIDE:
        return None
    return len(words) + 5 * bool(said & {"eval", "evaluation", "test"}) - 2 * bool(said & {"mean", "avg", "average"})


def is_of_agent(words: Sequence[str]) -> bool:
    """Whether a name is that of the reward of one of several agents: `Prey Reward`, `predator_return`."""
    *agent, last = words or ("",)
    return last in _REWARDS and bool(agent) and _MEASURES.isdisjoint(agent)


def is_score(words: Sequence[str]) -> bool:
    """Whether a name is that of an agent's score, as far as a name can tell: a classifier may have one too."""
    return bool({"score", "scores"} & {*words}) and {*words} <= _REWARDS | _BESIDE | {"last", "moving"}
