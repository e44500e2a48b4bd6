"""What each kind of finding is called."""

from ..finding_kinds import Topic

TITLES: dict[Topic, str] = {
    "nan": "Not a number",
    "divergence": "Divergence",
    "spike": "Loss spike",
    "stall": "Loss not decreasing",
    "slow": "Learning too slowly",
    "oscillation": "Oscillating loss",
    "overfitting": "Overfitting",
    "exploding_gradients": "Exploding gradients",
    "vanishing_gradients": "Vanishing gradients",
    "initial_loss": "First loss is not ln V",
    "warmup_bump": "Bump at the start",
    "plateau": "Plateau",
    "best_passed": "Best val_loss passed",
    "below_data": "Loss below what the data allow",
    "throughput_drop": "Slower than it could be",
}
