"""`samples`: a program that calls an operation, in a language."""

from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.errors import SettingError

Key = Literal["curl", "javascript", "node", "python", "java", "csharp", "php", "go", "ruby", "r"]
KEYS: tuple[str, ...] = get_args(Key)


@app.command(name="samples")
def print_sample(
    operation: str,
    *,
    language: Key = "curl",
    address: Annotated[
        str | None, Parameter(help="Where the program calls; a server on this machine otherwise.")
    ] = None,
) -> None:
    """Print a program that calls an operation with its examples; `<YOUR_JWT_HERE>` stands where the token goes."""
    from hydrobit import catalog
    from hydrobit.publish import samples

    row = next((row for row in catalog.OPERATIONS if row.name == operation), None)
    if row is None:
        raise SettingError(f"{operation} is no operation; `hydrobit operations` lists them")
    wanted = next(one for one in samples.LANGUAGES if one.key == language)
    print(samples.sample(row, wanted, (address or samples.BASE).rstrip("/")), end="")
