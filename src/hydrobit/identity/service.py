"""Who calls: from a verified token's subject, or a company key, to a `Caller`; the one place that chooses a company."""

from typing import TYPE_CHECKING

from hydrobit.company_keys.check import KeyCheck
from hydrobit.company_keys.secret import looks_like_a_key
from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.identity import store
from hydrobit.ledger import store as ledger
from hydrobit.operation import Caller, Role
from hydrobit.storage.engine import Engine, Transaction

if TYPE_CHECKING:  # commands that add users need no cryptography
    from hydrobit.identity.verify import Proof, Verifier


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
        self._callers: dict[str, tuple[Caller, int]] = {}

    def known(self, token: str, now: int) -> Caller | None:
        """The caller of a token that was verified before, without a wait; None when it must be looked up."""
        proof = self._verifier.known(token, now)
        if proof is None:
            return self._keys.known(token, now) if looks_like_a_key(token) else None
        remembered = self._callers.get(proof.subject)
        return remembered[0] if remembered is not None and now < remembered[1] else None

    def good_until(self, token: str, now: int) -> int | None:
        """Until when (ms) a token counts that was just verified; None for one that is remembered no more."""
        proof = self._verifier.known(token, now)
        return proof.expires_at if proof is not None else None

    async def caller(self, token: str, now: int) -> Caller:
        """Raises Refused: 401 for the token or key, 403 no_company for a user without one."""
        if looks_like_a_key(token):
            return await self._keys.caller(token, now)
        proof = self._verifier.known(token, now) or await self._verifier.verify(token, now)
        found = await self._user(proof)
        if found is None or found.company is None or found.company_id is None or found.disabled:
            self._callers.pop(proof.subject, None)
            raise Refused(Code.no_company, "The token is valid, but its user belongs to no active company.")
        caller = Caller(found.user_id, found.company, found.company_id, found.role, access_no=found.access_no)
        if len(self._callers) >= self._length_max:
            self._callers.clear()
        self._callers[proof.subject] = (caller, now + self._facts_age_ms)
        return caller

    async def _user(self, proof: "Proof") -> store.User | None:
        """Raises Refused, token_invalid, when the key that proved the token was withdrawn."""
        if not proof.kid_in_store:
            return await self._engine.look_up(store.user, proof.subject)
        found, counts = await self._engine.look_up(store.user_by_key, proof.subject, proof.kid_in_store)
        if not counts:
            raise Refused(Code.token_invalid, "The token is signed with a key (kid) that was withdrawn.")
        return found


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
