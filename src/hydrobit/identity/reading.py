"""From the shapes of users to checked values, the same for requests and for the command line."""

import msgspec

from hydrobit.audit.service import OPERATOR
from hydrobit.errors import Code, Refused
from hydrobit.ledger.entry import SYSTEM
from hydrobit.operation import Role
from hydrobit.wire import fields
from hydrobit.wire.users import EMAIL_LENGTH_MAX

KEY_PREFIX = "key:"
"""How a company key is named where a user would stand."""
DEVICE_PREFIX = "device:"
"""How a device that acts for nobody is named there."""


class UserWish(msgspec.Struct, frozen=True):
    """A user to be added."""

    user_id: str
    name: str
    role: Role
    email: str | None


class ProfileChange(msgspec.Struct, frozen=True):
    """What is to be changed of a user; None stays as it is."""

    name: str | None
    role: Role | None
    email: str | None


def user_wish(user_id: str, name: str, role: str, email: str | None) -> UserWish:
    """Raises Refused naming the field."""
    return UserWish(_user_id(user_id), fields.text(name, "name"), Role(role), _email(email))


def profile_change(name: str | None, role: str | None, email: str | None) -> ProfileChange:
    """Raises Refused naming the field; nothing_to_change when nothing is said."""
    wanted = ProfileChange(fields.optional_text(name, "name"), None if role is None else Role(role), _email(email))
    if wanted == ProfileChange(None, None, None):
        raise Refused(Code.nothing_to_change, "Send a name, a role or an email.")
    return wanted


def company_change(name: str | None, refuses_unknown_workers: bool | None) -> tuple[str | None, bool | None]:
    """The name, cleaned, and the switch. Raises Refused; nothing_to_change when neither is said."""
    cleaned = fields.optional_text(name, "companyName")
    if cleaned is None and refuses_unknown_workers is None:
        raise Refused(Code.nothing_to_change, "Send companyName or refusesUnknownWorkers.")
    return cleaned, refuses_unknown_workers


def _user_id(text: str) -> str:
    """The id as tokens carry it, kept to the letter; it must not pass for one who is no user."""
    exact = fields.user_id(text, "userId")
    if exact != exact.strip():
        raise fields.invalid("userId", "must be a text without white space around it")
    if exact.casefold() in (OPERATOR, SYSTEM) or exact.casefold().startswith((KEY_PREFIX, DEVICE_PREFIX)):
        raise fields.invalid(
            "userId", f"must not be {OPERATOR} or {SYSTEM}, nor begin with {KEY_PREFIX} or {DEVICE_PREFIX}"
        )
    return exact


def _email(text: str | None) -> str | None:
    """An address as far as it can be judged without writing to it."""
    cleaned = fields.optional_text(text, "email", EMAIL_LENGTH_MAX)
    if cleaned is not None and not all(cleaned.rpartition("@")):
        raise fields.invalid("email", "must have a name, an @ and a host")
    return cleaned
