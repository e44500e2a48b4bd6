"""Policies that learn from rewards, and preferences between two answers."""

import math
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .loop import Batch, Training, cosine, fit
from .trained_run import BROKEN, LogRow, Task, TrainedRun

WALKS = 16
"""Walks that are played at once."""
STEPS = 32
"""Steps of each walk between two updates."""


@dataclass(frozen=True, kw_only=True)
class Play:
    lr: float = 3e-3
    updates: int = 150
    jackpot: float = 0.0
    """A rare reward, once in a thousand steps."""
    collapse_at: int = 0
    """From this update on the rate is several hundred times as high."""


class Poles:
    """Sixteen carts with a pole each, in one tensor: a reward of one for each step that the pole stands."""

    def __init__(self) -> None:
        self.state = 0.05 * torch.randn(WALKS, 4)
        self.ages = torch.zeros(WALKS)
        self.ended: list[float] = []
        """Lengths of the last hundred episodes."""

    def step(self, right: Tensor) -> Tensor:
        """Moves all carts; returns which episodes ended, and begins those anew."""
        place, speed, angle, turn = self.state.T
        force = (20.0 * right - 10.0 + 0.05 * turn**2 * angle.sin()) / 1.1
        spin = (9.8 * angle.sin() - angle.cos() * force) / (0.5 * (4 / 3 - 0.1 * angle.cos() ** 2 / 1.1))
        push = force - 0.05 * spin * angle.cos() / 1.1
        self.state = torch.stack(
            [place + 0.02 * speed, speed + 0.02 * push, angle + 0.02 * turn, turn + 0.02 * spin], 1
        )
        self.ages += 1
        over = (self.state[:, 0].abs() > 2.4) | (self.state[:, 2].abs() > 0.21) | (self.ages >= 200)
        self.ended = (self.ended + self.ages[over].tolist())[-100:]
        self.state[over] = 0.05 * torch.randn(int(over.sum()), 4)
        self.ages[over] = 0
        return over


class Player:
    """An actor and a critic that play and learn by turns."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._poles = Poles()
        self._actor = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
        self._critic = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
        self._optimizer = torch.optim.Adam([*self._actor.parameters(), *self._critic.parameters()], lr=play.lr)

    def update(self, number: int) -> LogRow:
        if number == self._play.collapse_at:
            self._optimizer.param_groups[0]["lr"] = 1.0
        played = self._played()
        for _ in range(3):
            self._learn(*played)
        losses = self._learn(*played)
        ended = self._poles.ended
        return {
            "step": number * WALKS * STEPS,
            "reward": sum(ended) / max(len(ended), 1),
            **losses,
            "lr": self._optimizer.param_groups[0]["lr"],
        }

    def _learn(self, states: Tensor, actions: Tensor, returns: Tensor) -> LogRow:
        """One update on what was played; the losses before it."""
        value = self._critic(states)[:, 0]
        gain = returns - value.detach()
        gain = (gain - gain.mean()) / (gain.std() + 1e-6)
        chosen = torch.distributions.Categorical(logits=self._actor(states))
        policy_loss = -(chosen.log_prob(actions) * gain).mean()
        value_loss, entropy = F.mse_loss(value, returns), chosen.entropy().mean()
        loss = policy_loss + 0.5 * value_loss - 0.005 * entropy
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        losses = {"loss": loss, "policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
        return {name: value.item() for name, value in losses.items()}

    @torch.no_grad()
    def _played(self) -> tuple[Tensor, Tensor, Tensor]:
        states, actions, rewards, overs = [], [], [], []
        for _ in range(STEPS):
            states.append(self._poles.state.clone())
            actions.append(torch.distributions.Categorical(logits=self._actor(states[-1])).sample())
            overs.append(self._poles.step(actions[-1].float()))
            rewards.append(1.0 + self._play.jackpot * (torch.rand(WALKS) < 0.001))
        following = self._critic(self._poles.state)[:, 0]
        returns = []
        for reward, over in zip(reversed(rewards), reversed(overs), strict=True):
            following = reward + 0.98 * following * ~over
            returns.append(following)
        return torch.cat(states), torch.cat(actions), torch.cat(returns[::-1])


def _played(play: Play, draw: Random) -> list[LogRow]:
    torch.manual_seed(draw.getrandbits(31))
    player = Player(play)
    return [player.update(number) for number in range(1, play.updates + 1)]


def policy(draw: Random) -> TrainedRun:
    """A policy that learns: the reward rises, the losses do as they like."""
    return TrainedRun(rows=_played(Play(updates=draw.randint(100, 160)), draw), rewards=True)


def policy_with_bursts(draw: Random) -> TrainedRun:
    """Rare big rewards: bursts in the value loss beside a reward that rises."""
    return TrainedRun(rows=_played(Play(jackpot=100.0), draw), rewards=True)


def policy_collapses(draw: Random) -> TrainedRun:
    """The rate jumps: the reward falls to that of a policy that does always the same, and stays there."""
    rows = _played(Play(collapse_at=draw.randint(70, 100)), draw)
    must = (("divergence", "stall", "spike", "oscillation", "vanishing_gradients", "exploding_gradients"),)
    return TrainedRun(rows=rows, must=must, may=BROKEN, rewards=True)


def _preferences(draw: Random, *, pairs: int, steps: int, width: int, flipped: float, lr: float) -> list[LogRow]:
    """Direct preference optimisation: the margin of the chosen over the rejected answer, from 0 = ln 2 on."""
    torch.manual_seed(draw.getrandbits(31))
    taste = torch.randn(24)
    answers = torch.randn(pairs + 400, 2, 24)
    better = (answers @ taste).argmax(1) ^ (torch.rand(len(answers)) < flipped)
    answers = torch.stack(
        [answers[torch.arange(len(answers)), better], answers[torch.arange(len(answers)), 1 - better]], 1
    )
    head = nn.Linear(width, 1)
    nn.init.zeros_(head.weight)
    net = nn.Sequential(nn.Linear(24, width), nn.Tanh(), head)

    def measured(chosen: Tensor) -> tuple[Tensor, LogRow]:
        scores = net(chosen)[..., 0]
        margins = scores[:, 0] - scores[:, 1]
        names = ("rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins")
        values = (scores[:, 0], scores[:, 1], (margins > 0).float(), margins)
        return -F.logsigmoid(margins).mean(), {n: v.mean().item() for n, v in zip(names, values, strict=True)}

    def batch(step: int) -> Batch:
        return measured(answers[torch.randint(pairs, (16,))])

    def evaluate() -> LogRow:
        loss, metrics = measured(answers[pairs:])
        return {"val_loss": loss.item()} | {f"eval_{name}": value for name, value in metrics.items()}

    every = draw.choice((2, 5, 10))
    return fit(
        Training(
            parameters=list(net.parameters()),
            batch=batch,
            steps=steps,
            lr=cosine(lr, steps, steps // 10),
            log_every=every,
            evaluate=evaluate,
            eval_every=steps // 12 // every * every,
            columns=("grad_norm", "lr"),
            averaged=True,
            epoch_steps=max(pairs // 16, 1),
        )
    )


def preferences(draw: Random) -> TrainedRun:
    """Preferences learnt from ln 2 down, over one or two epochs."""
    return TrainedRun(rows=_preferences(draw, pairs=5000, steps=600, width=32, flipped=0.15, lr=1e-3))


def preferences_overfit(draw: Random) -> TrainedRun:
    """A hundred pairs for many epochs: all of them right, and the loss on unseen pairs rises above ln 2."""
    rows = _preferences(draw, pairs=120, steps=480, width=256, flipped=0.3, lr=3e-3)
    losses = [row.get("val_loss", math.inf) for row in rows]
    return TrainedRun(rows=rows, must=(("overfitting",),), onset=losses.index(min(losses)))


TASKS: tuple[Task, ...] = (policy, policy_with_bursts, policy_collapses, preferences, preferences_overfit)
