"""Shapes of a company as its admins see it."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from hydrobit.wire.fields import NAME_LENGTH_MAX, Auth0Id, Ignored, Instant, Success, said

_REFUSES = Meta(description="True: counts of workers who are not in the register are refused.")


class CompanyChange(Struct):
    """What is left out stays."""

    companyName: Annotated[str, said(example="Rancho San Pedro", maxLength=NAME_LENGTH_MAX)] | None = None
    refusesUnknownWorkers: Annotated[bool, _REFUSES] | None = None
    auth0Id: Auth0Id | None = None


class Company(Struct, kw_only=True):
    """The caller's own company."""

    companyId: Annotated[str, said(example="comp_12345")]
    companyName: Annotated[str, said(example="Rancho San Pedro")]
    refusesUnknownWorkers: Annotated[bool, _REFUSES]
    createdAt: Instant


class CompanyEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Company
    ignored: Ignored | UnsetType = UNSET
