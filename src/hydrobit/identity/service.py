"""Who calls: from a verified token's subject, or a company key, to a `Caller`; the one place that chooses a company."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from hydrobit.company_keys.check import KeyCheck
from hydrobit.company_keys.secret import looks_like_a_key
from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.identity import store
from hydrobit.identity.reading import DEVICE_PREFIX
from hydrobit.identity.store import DeviceFacts
from hydrobit.ledger import store as ledger
from hydrobit.operation import Caller, Device, Role, Scope
from hydrobit.storage.engine import Engine, Transaction

if TYPE_CHECKING:  # commands that add users need no cryptography
    from hydrobit.identity.verify import DeviceClaim, Proof, Verifier


class Identity:
    """Turns a token or a company key into a caller. Facts about users are remembered for `facts_age_s_max` at most.

    Where other nodes may change them meanwhile, only a row asks for what is remembered (`known`) whose transaction
    finds that out.
    """

    def __init__(
        self, engine: Engine, verifier: "Verifier", keys: KeyCheck, *, facts_age_s_max: int, length_max: int
    ) -> None:
        self._engine, self._verifier, self._keys = engine, verifier, keys
        self._facts_age_ms, self._length_max = facts_age_s_max * 1000, length_max
        self._callers: dict[Hashable, tuple[Caller, int]] = {}

    def known(self, token: str, now: int) -> Caller | None:
        """The caller of a token that was verified before, without a wait; None when it must be looked up."""
        proof = self._verifier.known(token, now)
        if proof is None:
            return self._keys.known(token, now) if looks_like_a_key(token) else None
        remembered = self._callers.get(proof.caller)
        return remembered[0] if remembered is not None and now < remembered[1] else None

    def good_until(self, token: str, now: int) -> int | None:
        """Until when (ms) a token counts that was just verified; None for one that is remembered no more."""
        proof = self._verifier.known(token, now)
        return proof.expires_at if proof is not None else None

    async def caller(self, token: str, now: int) -> Caller:
        """Raises Refused: 401 for the token, key or device, 403 no_company for a user without one."""
        if looks_like_a_key(token):
            return await self._keys.caller(token, now)
        proof = self._verifier.known(token, now) or await self._verifier.verify(token, now)
        try:
            caller = await (self._user(proof) if proof.device is None else self._device(proof, proof.device))
        except Refused:
            self._callers.pop(proof.caller, None)
            raise
        if len(self._callers) >= self._length_max:
            self._callers.clear()
        self._callers[proof.caller] = (caller, now + self._facts_age_ms)
        return caller

    async def acting(self, company: int, subject: str, device_id: str | None) -> Caller:
        """Who was known as this before, with the rights of now. Raises Refused as `caller` does."""
        return await self._engine.look_up(acting, company, subject, device_id)

    async def acting_again(self, caller: Caller) -> Caller:
        """The same caller, no key's, with the rights of now. Raises Refused as `caller` does."""
        return await self.acting(caller.company, caller.user_id, caller.device.device_id if caller.device else None)

    async def issued_to(self, token: str, now: int) -> Caller | None:
        """Whose device a token of ours was issued to, be it over, its device revoked or its sender turned away; for
        messages that are to be kept, never to be answered: the caller may do nothing. None for one that is not genuine,
        or whose key was withdrawn. Raises Refused, unavailable.
        """
        try:
            proof = await self._verifier.verify(token, now, may_be_over=True)
        except Refused as refused:
            if refused.code == Code.unavailable:
                raise
            return None
        said, kid = proof.device, proof.kid_in_store or None
        if said is None:
            return None
        found = await self._engine.look_up(store.device_facts, said.company_id, said.device_id, None, kid)
        if found is None or (kid is not None and not found.key_counts):
            return None
        device = found.device or Device(said.device_id, "")
        user_id = proof.subject or DEVICE_PREFIX + said.device_id
        return Caller(user_id, found.company, found.company_id, None, device=device)

    async def _user(self, proof: "Proof") -> Caller:
        if not proof.kid_in_store:
            return _as_user(await self._engine.look_up(store.user, proof.subject))
        found, counts = await self._engine.look_up(store.user_by_key, proof.subject, proof.kid_in_store)
        if not counts:
            raise _withdrawn()
        return _as_user(found)

    async def _device(self, proof: "Proof", said: "DeviceClaim") -> Caller:
        acts_for, kid = proof.subject or None, proof.kid_in_store or None
        found = await self._engine.look_up(store.device_facts, said.company_id, said.device_id, acts_for, kid)
        if found is not None and kid is not None and not found.key_counts:
            raise _withdrawn()
        return _as_device(found, proof.subject)


def acting(tx: Transaction, company: int, subject: str, device_id: str | None) -> Caller:
    """Who calls, by what a caller was known as before (`user_id`, and the device), with the rights of now; no key.

    Raises Refused as `Identity.caller` does.
    """
    if device_id is None:
        found = store.user(tx, subject)
        return _as_user(found if found is not None and found.company == company else None)
    company_id = store.company(tx, company).company_id
    acts_for = "" if subject == DEVICE_PREFIX + device_id else subject
    return _as_device(store.device_facts(tx, company_id, device_id, acts_for or None, None), acts_for)


def as_user(tx: Transaction, user_id: str) -> Caller | None:
    """Who calls as this user, with the rights of now; None where nobody is called so. Raises Refused, no_company."""
    found = store.user(tx, user_id)
    return None if found is None else _as_user(found)


def _as_user(found: store.User | None) -> Caller:
    if found is None or found.company is None or found.company_id is None or found.disabled:
        raise Refused(Code.no_company, "The token is valid, but its user belongs to no active company.")
    return Caller(found.user_id, found.company, found.company_id, found.role, access_no=found.access_no)


def _as_device(found: DeviceFacts | None, subject: str) -> Caller:
    """A device that was revoked is refused as one that never was; so is one whose company is gone."""
    if found is None or found.device is None:
        raise Refused(Code.token_invalid, "The token's device is unknown or revoked; ask an administrator.")
    if found.disabled or (subject and found.role is None):
        raise Refused(
            Code.no_company, "The token is valid, but its company, or the user whom it acts for, is not active."
        )
    if found.role is None:
        user_id, scopes = DEVICE_PREFIX + found.device.device_id, frozenset({Scope.write_iot})
    else:
        user_id, scopes = subject, frozenset[Scope]()
    return Caller(user_id, found.company, found.company_id, found.role, scopes, found.access_no, found.device)


def _withdrawn() -> Refused:
    return Refused(Code.token_invalid, "The token is signed with a key (kid) that was withdrawn.")


def add_company(tx: Transaction, company_id: str, name: str, prefix: int, now: int) -> int:
    """Adds a company with an empty ledger and returns its number. Raises Refused when the id is taken."""
    store.lock_companies(tx)
    number = store.last_company_number(tx) + 1
    try:
        store.add_company(tx, number, company_id, name, now)
    except Duplicate as e:
        raise Refused(Code.id_taken, f"There is a company {company_id} already.") from e
    ledger.add_head(tx, number, prefix)
    return number


def add_user(
    tx: Transaction, user_id: str, company: int | None, name: str, email: str | None, role: Role, now: int
) -> None:
    """Adds a user, who may call once there is a company. Raises Refused, id_taken."""
    try:
        store.add_user(tx, user_id, company, name, email, role, now)
    except Duplicate as e:
        raise Refused(Code.id_taken, f"There is a user {user_id} already.", field="userId") from e
