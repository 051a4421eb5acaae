"""The Python client: calls of the main job, and an outbox that loses no count.

from hydrobit.client import Client, Outbox, calls

with Client("https://farm.example", token) as client, Outbox("counts.outbox") as outbox:
    session = client.call(calls.open_session("proj_123", "sector_001", "Lote A-1", opened_at=now))
    outbox.record(session.sessionId, "JS0315", "John Smith", units=5)  # on this disk when it returns
    client.deliver(outbox)
"""

from hydrobit.client import calls
from hydrobit.client.calls import Asked, decimal
from hydrobit.client.counts import count
from hydrobit.client.delivery import Progress
from hydrobit.client.failures import Declined, NotKept, OutboxError, OutboxInUse, TransportMissing, Unanswered
from hydrobit.client.http import AsyncHttpCarrier, HttpCarrier
from hydrobit.client.mqtt import MqttCarrier
from hydrobit.client.outbox import Item, Outbox, State
from hydrobit.client.shells import AsyncClient, Client
from hydrobit.client.steps import Pace

__all__ = [
    "Asked",
    "AsyncClient",
    "AsyncHttpCarrier",
    "Client",
    "Declined",
    "HttpCarrier",
    "Item",
    "MqttCarrier",
    "NotKept",
    "Outbox",
    "OutboxError",
    "OutboxInUse",
    "Pace",
    "Progress",
    "State",
    "TransportMissing",
    "Unanswered",
    "calls",
    "count",
    "decimal",
]
