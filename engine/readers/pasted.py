"""What a chat, a forum or a build server adds to a log and to its lines, and words of other languages in them."""

import re

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z?\s")
"""Put before every line by build servers and containers."""
_BEYOND_LATIN = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7af\uff00-\uff5e]")
_BRACKETED = re.compile(r"\[([A-Za-z][\w ]{0,30})\]:")
"""`[epoch]: 3, [loss]: 2.5`."""
_FULL_WIDTH = {ord("\u3000"): " ", ord("\u3001"): ",", ord("\u3002"): "."}
_FULL_WIDTH |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
"""Signs as wide as a Chinese character; they follow the order of ASCII."""
_IN_ENGLISH = {
    "训练损失": "train loss", "验证损失": "val loss", "测试损失": "test loss", "平均损失": "avg loss",
    "总损失": "total loss", "损失值": "loss", "损失": "loss", "訓練損失": "train loss", "検証損失": "val loss",
    "損失": "loss", "손실": "loss", "训练次数": "step", "迭代次数": "iteration", "迭代": "iteration", "轮次": "epoch",
    "エポック": "epoch", "에폭": "epoch", "学习率": "lr", "学習率": "lr", "학습률": "lr", "准确率": "accuracy",
    "正确率": "accuracy", "精度": "accuracy", "정확도": "accuracy", "训练": "train", "验证": "val", "测试": "test",
    "検証": "val", "검증": "val",
}  # fmt: skip
_FOREIGN = re.compile("|".join(sorted(_IN_ENGLISH, key=len, reverse=True)))

PROSE = {
    "my", "your", "our", "we", "you", "this", "that", "which", "where", "when", "why", "how", "but", "until", "then",
    "got", "get", "getting", "goes", "going", "went", "become", "becomes", "became", "becoming", "drops", "dropped",
    "reaches", "reached", "starts", "started", "stays", "stuck", "about", "around", "approximately", "always", "still",
    "decreases", "decreased", "increases", "increased", "between", "does", "see",
}  # fmt: skip
"""Words of a sentence around a log: what it says of a loss counts only where no line of a trainer has one."""


def unpasted(line: str) -> str:
    """The line as the trainer printed it, its names in English."""
    if line.startswith(">"):
        line = line.lstrip("> ")
    if "**" in line:
        line = line.replace("**", "")
    if "]:" in line:
        line = _BRACKETED.sub(r"\1:", line)
    if line[10:11] == "T" and line[4:5] == "-":
        line = _STAMP.sub("", line, count=1)
    if not line.isascii() and _BEYOND_LATIN.search(line):
        line = _FOREIGN.sub(lambda word: f" {_IN_ENGLISH[word[0]]} ", line.translate(_FULL_WIDTH))
    return line
