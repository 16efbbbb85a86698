"""The two ways in which an answer can be refused; both say what to do."""


class DataError(ValueError):
    """A table, a file or a parameter cannot be used: what happened, where, what to do."""


class UndefinedError(ValueError):
    """The number asked for does not exist (a sum diverges, a mean is infinite): why."""
