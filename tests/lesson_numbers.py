"""The numbers in a preset's sentences, and which of them are proven by a check, by its configuration or by arithmetic."""


