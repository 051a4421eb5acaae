"""A client that `hydrobit certify` grades: the project's own, with its outbox in the folder that it is started in."""

import json
import os
import sys
from pathlib import Path

from hydrobit.client import Client, Outbox, Pace, State

said = os.environ
counts = [json.loads(line) for line in Path(said["CERTIFY_COUNTS"]).read_text("utf-8").splitlines()]
pace = Pace(wait_s_first=0.1)  # in a field, leave it as it is

with (
    Outbox("counts.outbox") as outbox,
    Client(said["CERTIFY_URL"], said["CERTIFY_TOKEN"], user=said["CERTIFY_USER"], pace=pace) as client,
):
    for count in counts:
        outbox.record(  # once more after a restart: it is known by its event, and kept once
            said["CERTIFY_SESSION"],
            count["workerId"],
            count["worker_name"],
            units=count["units"],
            recorded_at=count["recordedAtUtc"],
            client_event_id=count["clientEventId"],
        )
    done = client.deliver(outbox)
    for letter in outbox.items(State.refused):
        print(json.dumps({"clientEventId": letter.event_id, "code": letter.code, "error": letter.sentence}))

sys.exit(1 if done.waiting else 0)
