"""Hands a dead letter in anew: as its sender, with the rights that the sender has now."""

from hydrobit.errors import Code, Refused, StoreError
from hydrobit.identity.service import Identity
from hydrobit.operation import Letter, Redeliver, Reply
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.mqtt.road import Message, Road, Sender


def redelivery(road: Road, dispatcher: Dispatcher, identity: Identity) -> Redeliver:
    """What answers letters; whatever happens, the answer is a `Reply`."""

    async def redeliver(letter: Letter) -> Reply:
        try:
            caller = await identity.acting(letter.company, letter.subject, letter.device_id)
        except Refused as refused:
            return dispatcher.refuse(refused, dispatcher.next_request_id(), "none")
        except StoreError:
            away = Refused(Code.unavailable, "The store did not answer; send the same call again.")
            return dispatcher.refuse(away, dispatcher.next_request_id(), "none")
        device = caller.device
        branch = device.branch(caller.company_id) if device else None
        (answered,) = await road.answer(Sender(caller, branch), [Message(letter.topic, letter.payload)])
        return answered.reply

    return redeliver
