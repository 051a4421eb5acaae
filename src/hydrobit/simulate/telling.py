"""How a scale is told: a line that moves on a terminal, plain lines otherwise."""

from rich.console import Console
from rich.live import Live
from rich.text import Text

from hydrobit.simulate.buffer import Tally


class Teller:
    """Writes to standard output. `with` it, so that the terminal is left as it was."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._shown = ""

    def __enter__(self) -> "Teller":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, tally: Tally, state: str) -> None:
        shown = f"{state}: {tally}"
        if self._live is not None and shown != self._shown:
            self._live.update(Text(shown, style="green" if state == "online" else "yellow"), refresh=True)
        self._shown = shown

    def say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False, soft_wrap=True)
        self._console.file.flush()
