"""Lines in other languages and scripts, with the words and the signs that the reader of free text looks for."""

import re

_SIGNS = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | str.maketrans("　、。", " ,.")
"""Signs as wide as a Chinese character, which follow the order of ASCII."""
_WORDS = {
    "epoch": ("轮次", "轮数", "轮", "エポック", "에포크", "에폭", "эпоха", "época", "époque"),
    "step": ("步数", "步骤", "步", "训练次数", "ステップ", "스텝", "шаг"),
    "iteration": ("迭代次数", "迭代", "イテレーション", "итерация", "iteración", "iteração", "itération"),
    "lr": ("学习率", "学習率", "학습률"),
    "train": ("训练集", "训练", "訓練", "学習", "훈련", "학습"),
    "val": ("验证集", "验证", "検証", "검증"),
    "test": ("测试集", "测试", "テスト", "테스트"),
    "mean": ("平均", "평균", "средняя"),
    "total": ("总", "合計", "총"),
    "loss": ("损失函数值", "损失函数", "损失值", "损失", "損失", "손실", "потери", "потеря", "pérdida"),
    "epsilon": ("ε",),
    "error": ("误差", "誤差", "오차", "ошибка"),
    "accuracy": ("准确率", "正确率", "精度", "正解率", "정확도", "точность"),
}
_ENGLISH = {word: english for english, words in _WORDS.items() for word in words}
_KNOWN = re.compile("|".join(sorted(_ENGLISH, key=len, reverse=True)), re.IGNORECASE)
_NAME = re.compile(f"(?:{_KNOWN.pattern})+", re.IGNORECASE)
"""Words that follow each other without a space: `验证损失`."""
_ORDINAL = re.compile(rf"第\s*(\d+)\s*(?:个|次)?\s*({'|'.join(_WORDS['epoch'][:3] + _WORDS['step'][:3])})")
"""`第 3 轮` is the third epoch."""


def in_english(line: str) -> str:
    """The line, with the words of training that it has in English; unchanged where it has none."""
    line = line.translate(_SIGNS)
    if "第" in line:
        line = _ORDINAL.sub(lambda found: f" {_ENGLISH[found[2]]} {found[1]} ", line)
    return _NAME.sub(lambda name: f" {' '.join(_ENGLISH[word.lower()] for word in _KNOWN.findall(name[0]))} ", line)
