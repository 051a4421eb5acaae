"""Writes the derived pages of docs/reference; run it after a change to operations, shapes, errors or settings."""

from importlib.metadata import version
from pathlib import Path

from hydrobit import catalog
from hydrobit.publish.reference import pages
from hydrobit.settings import Settings

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def main() -> None:
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages(catalog.OPERATIONS, Settings, version("hydrobit")).items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
