"""Hands a dead letter in anew: as its sender, with the rights that the sender has now."""

from hydrobit.errors import Code, Refused, StoreError
from hydrobit.identity.service import Identity
from hydrobit.operation import Letter, Reply
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.mqtt.road import Message, Road, Sender


async def redeliver(road: Road, dispatcher: Dispatcher, identity: Identity, letter: Letter) -> Reply:
    """Answers a letter; whatever happens, the answer is a `Reply`."""
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
