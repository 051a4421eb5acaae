"""The business id of a worker: initials, then month and day of the hire date (contract, "Workers")."""

from hydrobit.kit.folding import initial

NO_LETTER = "X"


def base(first_name: str, last_name: str, hire_date: str) -> str:
    """`JS0315` for John Smith, hired 2025-03-15.

    Of several names the first letter of all counts (`María José de la Cruz Ortiz`: MD), signs before it do not
    (`'t Hooft`: T). A name without a letter that could be one of A to Z counts as X.
    """
    initials = (initial(first_name) or NO_LETTER) + (initial(last_name) or NO_LETTER)
    return f"{initials}{hire_date[5:7]}{hire_date[8:10]}"


def numbered(base: str, number: int) -> str:
    """The first worker of a base has it as it is, the second gets `-2`."""
    return base if number == 1 else f"{base}-{number}"
