"""Hands a dead letter in anew: as its sender, with the rights that the sender has now."""

from contextvars import ContextVar

from hydrobit.errors import Code, Refused, StoreError
from hydrobit.identity.service import Identity
from hydrobit.operation import Letter, Reply
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.mqtt.road import Message, Road, Sender

_is_under_way = ContextVar("is_under_way", default=False)
"""A letter may ask for the replay of a letter, itself even; that would have no end."""


async def redeliver(road: Road, dispatcher: Dispatcher, identity: Identity, letter: Letter) -> Reply:
    """Answers a letter; whatever happens, the answer is a `Reply`."""
    if _is_under_way.get():
        nested = Refused(Code.invalid_value, "A letter hands in no other letter; replay that one itself.")
        return dispatcher.refuse(nested, dispatcher.next_request_id(), "none")
    token = _is_under_way.set(True)
    try:
        return await _hand_in(road, dispatcher, identity, letter)
    finally:
        _is_under_way.reset(token)


async def _hand_in(road: Road, dispatcher: Dispatcher, identity: Identity, letter: Letter) -> Reply:
    try:
        caller = await identity.acting(letter.company, letter.subject, letter.device_id)
    except Refused as refused:
        return dispatcher.refuse(refused, dispatcher.next_request_id(), "none")
    except StoreError:
        away = Refused(Code.unavailable, "The store did not answer; send the same call again.")
        return dispatcher.refuse(away, dispatcher.next_request_id(), "none")
    branch = caller.device.branch(caller.company_id) if caller.device else None
    (answered,) = await road.answer(Sender(caller, branch), [Message(letter.topic, letter.payload)])
    return answered.reply
