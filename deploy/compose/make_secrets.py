"""Make the secrets of compose.yaml, each in a file: python3 deploy/compose/make_secrets.py

The folder is its owner's alone; the files in it may be read by the users inside the containers, whoever they are. What
is there is never changed: a password that PostgreSQL knows cannot be drawn anew.
"""

import json
import os
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "secrets"
SECRET_BYTES = 32


def main(folder: Path) -> None:
    """Writes the files, all of them or none. Leaves with a sentence where the folder is there."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        sys.exit(f"{folder} is there already; nothing was changed")
    password, key = secrets.token_hex(SECRET_BYTES), secrets.token_hex(SECRET_BYTES)
    node = {
        "HYDROBIT_DATABASE_URL": f"postgresql://hydrobit:{password}@db/hydrobit",
        "AWS_ACCESS_KEY_ID": "hydrobit",
        "AWS_SECRET_ACCESS_KEY": key,
    }
    caller = {
        "name": "hydrobit",
        "credentials": [{"accessKey": "hydrobit", "secretKey": key}],
        "actions": [f"{action}:hydrobit" for action in ("Read", "Write", "List")],
    }
    write(folder / "node.env", "".join(f"{name}={value}\n" for name, value in node.items()))
    write(folder / "postgres_password", password)
    write(folder / "objects.json", json.dumps({"identities": [caller]}, indent=2) + "\n")
    print(f"made {folder}")


def write(path: Path, text: str) -> None:
    """A file that was not there before, with its mode whatever the umask is."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "w") as file:
        file.write(text)
    path.chmod(0o444)


if __name__ == "__main__":
    main(FOLDER)
