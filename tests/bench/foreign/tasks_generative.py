"""Models of data: a variational autoencoder, denoising diffusion, contrastive pairs, and two networks that compete."""

import math
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .loop import Batch, Training, constant, cosine, fit
from .trained_run import BROKEN, LogRow, Task, TrainedRun


def _perceptron(inputs: int, outputs: int, width: int = 64) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))


def _points(count: int) -> Tensor:
    """Twelve numbers each that lie near a surface of two dimensions."""
    angle = torch.rand(count, 2) * 2 * math.pi
    return torch.cat([torch.sin(angle), torch.cos(angle)] * 3, 1) + 0.05 * torch.randn(count, 12)


def _autoencoder(draw: Random, kl_weight: float) -> list[LogRow]:
    torch.manual_seed(draw.getrandbits(31))
    data, unseen = _points(4000), _points(500)
    encoder, decoder = _perceptron(12, 8), _perceptron(4, 12)
    spread = torch.zeros(12, requires_grad=True)

    def parts(points: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = encoder(points).chunk(2, 1)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        error = (decoder(code) - points).square() / (2 * (2 * spread).exp()) + spread + 0.5 * math.log(2 * math.pi)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        return error.sum(1).mean(), divergence.sum(1).mean()

    def batch(step: int) -> Batch:
        recon, kl = parts(data[torch.randint(len(data), (64,))])
        return recon + kl_weight * kl, {"recon_loss": recon.item(), "kl": kl.item()}

    def evaluate() -> LogRow:
        recon, kl = parts(unseen)
        return {"val_loss": (recon + kl_weight * kl).item()}

    by_epoch = draw.random() < 0.5
    return fit(
        Training(
            parameters=[*encoder.parameters(), *decoder.parameters(), spread],
            batch=batch,
            steps=1500,
            lr=constant(8e-3),
            log_every=62 if by_epoch else draw.choice((5, 10)),
            evaluate=evaluate,
            eval_every=62,
            averaged=True,
            epoch_steps=62 if by_epoch else 0,
        )
    )


def autoencoder(draw: Random) -> TrainedRun:
    """A variational autoencoder with a learnt spread: the loss falls through zero and goes on."""
    rows = _autoencoder(draw, 1.0)
    return TrainedRun(rows=rows, by_epoch="epoch" in rows[0])


def autoencoder_collapsed(draw: Random) -> TrainedRun:
    """The same with the divergence weighted so much that the code says nothing: flat after the first rows."""
    rows = _autoencoder(draw, 60.0)
    return TrainedRun(rows=rows, may=("stall", "slow"), by_epoch="epoch" in rows[0])


def diffusion(draw: Random) -> TrainedRun:
    """Prediction of the noise in noisy points: a fast drop, then a flat and noisy loss that still learns."""
    torch.manual_seed(draw.getrandbits(31))
    data, net = _points(4000), _perceptron(14, 12, 128)

    def batch(step: int) -> Batch:
        points = data[torch.randint(len(data), (draw_size,))]
        time = torch.rand(len(points), 1)
        noise = torch.randn_like(points)
        noisy = torch.cos(time * math.pi / 2) * points + torch.sin(time * math.pi / 2) * noise
        return F.mse_loss(net(torch.cat([noisy, time, time.square()], 1)), noise), {}

    draw_size = draw.choice((8, 32))
    rows = fit(
        Training(
            parameters=list(net.parameters()),
            batch=batch,
            steps=1600,
            lr=constant(1e-3) if draw.random() < 0.5 else cosine(2e-3, 1600, 100),
            log_every=draw.choice((1, 5, 10)),
            columns=("lr", "grad_norm") if draw.random() < 0.6 else (),
        )
    )
    return TrainedRun(rows=rows)


def _contrastive(draw: Random, *, paired: bool, lr: float = 2e-3) -> list[LogRow]:
    """Two noisy views of each point are to find each other among the batch."""
    torch.manual_seed(draw.getrandbits(31))
    encoder, batch_size = _perceptron(12, 16), draw.choice((32, 64, 128, 256))

    def batch(step: int) -> Batch:
        points = _points(batch_size)
        views = [encoder(points + 0.3 * torch.randn_like(points)) for _ in range(2)]
        if not paired:
            views[1] = views[1][torch.randperm(batch_size)]
        a, b = (F.normalize(view, dim=1) for view in views)
        logits = a @ b.T / 0.2
        hits = (logits.argmax(1) == torch.arange(batch_size)).float().mean().item()
        return F.cross_entropy(logits, torch.arange(batch_size)), {"acc": hits}

    by_epoch = draw.random() < 0.4
    return fit(
        Training(
            parameters=list(encoder.parameters()),
            batch=batch,
            steps=900,
            lr=cosine(lr, 900, 50),
            log_every=100 if by_epoch else draw.choice((5, 10)),
            columns=("lr",) if draw.random() < 0.6 else (),
            averaged=by_epoch,
            epoch_steps=100 if by_epoch else 0,
        )
    )


def contrastive(draw: Random) -> TrainedRun:
    """InfoNCE from ln(batch) down."""
    rows = _contrastive(draw, paired=True)
    return TrainedRun(rows=rows, by_epoch="epoch" in rows[0])


def contrastive_stuck(draw: Random) -> TrainedRun:
    """The second views are in another order: the loss stays at ln(batch)."""
    rows = _contrastive(draw, paired=False)
    must = (("stall", "slow", "vanishing_gradients"),)
    return TrainedRun(rows=rows, must=must, by_epoch="epoch" in rows[0])


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _adversaries(draw: Random, *, guarded: bool, lr: float) -> list[LogRow]:
    """A generator and a discriminator of points; `guarded`: the losses are computed so that log(0) cannot happen."""
    torch.manual_seed(draw.getrandbits(31))
    generator, critic = _perceptron(4, 12), _perceptron(12, 1)
    betas = (0.5, 0.999)
    to_generate = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=betas)
    to_judge = torch.optim.Adam(critic.parameters(), lr=lr, betas=betas)
    every, rows, names = draw.choice((5, 10)), [], draw.choice((("d_loss", "g_loss"), ("loss_D", "loss_G")))

    def surprise(logits: Tensor, real: bool) -> Tensor:
        if guarded:
            return F.softplus(-logits if real else logits).mean()
        chance = torch.sigmoid(logits)
        return -torch.log(chance if real else 1 - chance).mean()

    for step in range(1, 1501):
        made = generator(torch.randn(64, 4))
        judging = surprise(critic(_points(64) + 0.1), True) + surprise(critic(made.detach()), False)
        _descend(to_judge, judging)
        fooling = surprise(critic(made), True)
        _descend(to_generate, fooling)
        if step % every == 0:
            rows.append({"step": step, names[0]: judging.item(), names[1]: fooling.item()})
            if sum(not math.isfinite(row[names[0]]) for row in rows) > 20:
                break
    return rows


def adversaries(draw: Random) -> TrainedRun:
    """A generator and a discriminator in balance: neither loss goes down, and that is right."""
    return TrainedRun(rows=_adversaries(draw, guarded=True, lr=1e-3))


def adversaries_nan(draw: Random) -> TrainedRun:
    """The discriminator learns so fast that it is certain, and its loss is the logarithm of zero."""
    rows = _adversaries(draw, guarded=False, lr=0.1)
    bad = (i for i, row in enumerate(rows) if not all(math.isfinite(value) for value in row.values()))
    return TrainedRun(rows=rows, must=(("nan",),), may=BROKEN, onset=next(bad, None))


TASKS: tuple[Task, ...] = (
    autoencoder,
    autoencoder_collapsed,
    diffusion,
    contrastive,
    contrastive_stuck,
    adversaries,
    adversaries_nan,
)
