"""Settings of the typical service, read from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the store and the issuer's public key are, and how many connections the pool holds."""

    database: str
    public_key: Path
    pool_size: int = 5
    issuer: str = "typical"
    audience: str = "typical"

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(
            database=os.environ["TYPICAL_DATABASE"],
            public_key=Path(os.environ["TYPICAL_PUBLIC_KEY"]),
            pool_size=int(os.environ["TYPICAL_POOL_SIZE"]),
        )
