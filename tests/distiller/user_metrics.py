"""Metrics as a user would write them."""


def same_category(example, prediction, trace=None):
    print("a metric may print")
    return example.category == prediction.category and trace is None


def mentions_the_input(example, prediction, trace=None):
    return 1.0 if example.input in prediction.answer else 0.25


def broken(example, prediction, trace=None):
    raise KeyError("category")


def off_the_scale(example, prediction, trace=None):
    return 3
