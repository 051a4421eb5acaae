"""Shapes of the company keys."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from hydrobit.wire.fields import NAME, Auth0Id, Ignored, Instant, Success, said

ScopeName = Literal["read:production", "read:phytosanitary", "read:iot", "write:iot"]


class CompanyKeyInput(Struct):
    """What a new key is for."""

    name: Annotated[str, said("Tells the company's keys apart.", example="Packing house", **NAME)]
    scopes: Annotated[list[ScopeName], Meta(min_length=1, description="What the key may do.")]
    expiresAt: (
        Annotated[
            str,
            said(
                "From then on the key is refused; without it, it counts until it is revoked.",
                example="2027-01-01T00:00:00.000Z",
                format="date-time",
            ),
        ]
        | None
    ) = None
    auth0Id: Auth0Id | None = None


class CompanyKeyRevocation(Struct):
    """Nothing has to be said; the whole body may be left out."""

    auth0Id: Auth0Id | None = None


class CompanyKey(Struct, kw_only=True):
    """A key without its token, which nobody can show again."""

    keyId: Annotated[str, said(example="key_1f2e3d4c5b6a7980")]
    name: Annotated[str, said(example="Packing house")]
    scopes: list[ScopeName]
    status: Literal["active", "expired", "revoked"]
    createdAt: Instant
    createdBy: Annotated[str, said("Who added it; `operator` at the command line.", example="user_123456789")]
    expiresAt: Instant | UnsetType = UNSET
    lastUsedAt: Annotated[Instant, said("Up to a minute late.")] | UnsetType = UNSET
    revokedAt: Instant | UnsetType = UNSET


class AddedCompanyKey(CompanyKey, kw_only=True):
    """A new key. `key` is shown this once."""

    key: Annotated[
        str, said("`<keyId>.<token>`; keep it secret, nobody can show it again. It is sent as it stands here.")
    ]


class AddedCompanyKeyEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: AddedCompanyKey
    ignored: Ignored | UnsetType = UNSET


class CompanyKeyEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: CompanyKey
    ignored: Ignored | UnsetType = UNSET


class CompanyKeyPage(Struct, kw_only=True):
    """A page of the company's keys, revoked ones too, latest first."""

    total: int
    page: int
    pageSize: int
    items: list[CompanyKey]


class CompanyKeyPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: CompanyKeyPage
