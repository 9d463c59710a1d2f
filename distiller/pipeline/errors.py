"""How a phase can fail.

PipelineError
├── FailedError     worth another try: a child died, a server did not start
└── HopelessError   another try would end the same: too few rows, another template
"""


class PipelineError(Exception):
    """A phase did not reach its end; the message is one sentence for the operator."""


class FailedError(PipelineError):
    """Worth another try, which goes on where this one stopped."""


class HopelessError(PipelineError):
    """Another try would end the same."""
