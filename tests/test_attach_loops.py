"""Loops in the shapes that people write: the rows of the run are right, and the losses are those of the bare loop."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tinygpt_tui.engine.attach import AttachedRun, watch
from tinygpt_tui.engine.events import Evaluated, StepFinished
from tinygpt_tui.engine.storage.event_log import all_events

Attach = Callable[..., AttachedRun | None]
STEPS = 12


def nano_gpt(attach: Attach) -> list[float]:
    """Accumulation under autocast, a scaler that is switched off, clipping and a cosine of the loop's own."""
    model = nn.Sequential(nn.Embedding(16, 8), nn.Linear(8, 16))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.95), weight_decay=0.1)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    run = attach(model, optimizer, scaler=scaler, steps=STEPS, chance_loss=math.log(16))
    losses: list[float] = []
    for step in range(STEPS):
        lr = 1e-2 * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = torch.zeros(())
        for _ in range(4):
            with torch.autocast("cpu", torch.bfloat16):
                x = torch.randint(16, (4, 8))
                loss = functional.cross_entropy(model(x).flatten(0, 1), x.roll(-1, 1).flatten()) / 4
            scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        losses.append(loss.item() * 4)
        if run is not None and not run.step(losses[-1], tokens=128, lr=lr):
            break
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
    return losses


def classification(attach: Attach) -> list[float]:
    """Epochs over a loader, a scheduler, and an evaluation after each."""
    x, y = torch.randn(48, 8), torch.randint(3, (48,))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=12, shuffle=True)
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=STEPS + 1)
    run = attach(model, optimizer, chance_loss=math.log(3), settings={"batch": 12})
    losses: list[float] = []
    for _ in range(STEPS // 4):
        model.train()
        for inputs, targets in loader:
            scores = model(inputs)
            loss = functional.cross_entropy(scores, targets)
            optimizer.zero_grad()
            loss.backward()
            losses.append(loss.item())
            if run is not None:
                run.step(loss, accuracy=(scores.argmax(1) == targets).float().mean())
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            val_loss = functional.cross_entropy(model(x), y)
        if run is not None:
            run.evaluate(val_loss)
    return losses


def reinforce(attach: Attach) -> list[float]:
    """A policy that walks towards a goal; the loss is no measure of how well it does, the return is."""
    policy = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    run = attach(policy, optimizer)
    losses: list[float] = []
    for _ in range(STEPS):
        place, logs, rewards = torch.zeros(1), list[Tensor](), list[float]()
        for _ in range(8):
            chosen = torch.distributions.Categorical(logits=policy(place))
            action = chosen.sample()
            logs.append(chosen.log_prob(action))
            place = place + (1.0 if action.item() else -1.0)
            rewards.append(-abs(place.item() - 3.0))
        total = sum(rewards)
        loss = -(torch.stack(logs) * (total - sum(rewards) / len(rewards))).sum()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if run is not None:
            run.step(loss, episode_return=total)
        optimizer.step()
    return losses


def gan(attach: Attach) -> list[float]:
    """Two models and two optimizers that take turns; a step is one of each."""
    generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    critic = nn.Sequential(nn.Linear(1, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    first = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
    second = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    run = attach(nn.ModuleList([generator, critic]), [first, second])
    ones, zeros = torch.ones(16, 1), torch.zeros(16, 1)
    losses: list[float] = []
    judged = functional.binary_cross_entropy_with_logits
    for _ in range(STEPS):
        fake = generator(torch.randn(16, 2))
        critic_loss = judged(critic(torch.randn(16, 1) + 2), ones) + judged(critic(fake.detach()), zeros)
        first.zero_grad()
        critic_loss.backward()
        first.step()
        loss = judged(critic(fake), ones)
        second.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if run is not None:
            run.step(loss, critic_loss=critic_loss)
        second.step()
    return losses


LOOPS = {"nanoGPT": nano_gpt, "classification": classification, "REINFORCE": reinforce, "GAN": gan}
ALSO = {"nanoGPT": set[str](), "classification": {"accuracy"}, "REINFORCE": {"episode_return"}, "GAN": {"critic_loss"}}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_has_its_rows_and_keeps_its_losses(name: str, tmp_path: Path) -> None:
    runs: list[AttachedRun] = []

    def attach(*arguments: object, **options: object) -> AttachedRun:
        runs.append(watch(*arguments, **options, every=1, runs=tmp_path))  # pyright: ignore[reportArgumentType]
        return runs[-1]

    torch.manual_seed(0)
    bare = LOOPS[name](lambda *arguments, **options: None)
    torch.manual_seed(0)
    assert LOOPS[name](attach) == bare
    runs[0].close()
    stored = list(all_events(tmp_path / "loop-1"))
    rows = [event for event in stored if isinstance(event, StepFinished)]
    assert [row.step for row in rows] == [*range(1, STEPS + 1)] and [row.loss for row in rows] == bare
    assert all((row.grad_norm or 0) > 0 and (row.update_ratio or 0) > 0 for row in rows[:-1])
    assert all(isinstance(row.others, dict) and {*row.others} == ALSO[name] for row in rows if ALSO[name])
    if name == "nanoGPT":
        cosine = [1e-2 * 0.5 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS)]
        assert [row.lr for row in rows] == pytest.approx(cosine) and rows[-1].tokens == 128 * STEPS
    assert len([event for event in stored if isinstance(event, Evaluated)]) == (3 if name == "classification" else 0)
