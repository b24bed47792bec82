"""The one error of the commands at the project's root. Only the standard library is used."""


class Refusal(Exception):
    """
    A command cannot go on; the message is one sentence for a person that says why, and the way out.

    Attributes:
        exit_code: What the command ends with: 2 for a fault in how it was called, 1 for everything else.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
