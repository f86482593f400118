"""Why a case gives no number."""


class SkippedError(Exception):
    """Something that the case needs is not there."""


class AnswerError(Exception):
    """What was timed did not give the right answer."""
