"""What trainers print when they give up because the loss is no number any more, or every gradient overflows."""

import re

from .record import Cell

LAST_LOSS = "loss in the error message"
"""The column of such a line."""
_SIGNS = (
    "infinite or NaN at iteration",  # Detectron2
    "LossTensor is inf or nan", "Found Inf or NaN global norm",  # TensorFlow's object detection
    "Minimum loss scale reached", "loss scale already at minimum",  # fairseq, DeepSpeed
    "Loss exploded to",  # Tacotron
    "Invalid loss, terminating",  # Keras
    "iverged with loss = NaN", "NaN loss during training",  # TensorFlow's estimators
    "s nan, stopping training", "s inf, stopping training",  # DETR, MAE and their kin
    "returned nan values in its",  # PyTorch's anomaly detection
    "found NaN in local",  # Megatron
    "NaN detected",  # Theano's translation tutorials and what grew from them
)  # fmt: skip
_AT = re.compile(r"(?:iteration|step)\s?=?\s?(\d{1,12})")


def lost_loss(line: str) -> dict[str, Cell] | None:
    """NaN, at the step that the line states; None for any other line."""
    # one of these is in every sign, and in few other lines
    if not ("nan" in line or "NaN" in line or "inf" in line or "scale" in line or "exp" in line or "Inv" in line):
        return None
    if not any(sign in line for sign in _SIGNS):
        return None
    at = _AT.search(line)
    return {LAST_LOSS: "nan"} | ({"step": at[1]} if at else {})
