"""`mock`: the command that runs the mock server alone."""

from typing import Annotated

from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import settings
from hydrobit.cli.run import Host, Port, log_json, require_free_port
from hydrobit.errors import Refused, SettingError


@app.command
def mock(
    *,
    host: Host = None,
    port: Port = None,
    fault: Annotated[
        str, Parameter(help="Faults that calls meet, as in x-mock-fault: lose-answer, slow;ms=500 and the like.")
    ] = "",
    fault_every: Annotated[int, Parameter(help="Which calls of a space meet them: the first, and then every nth.")] = 2,
) -> None:
    """Run the mock server: the real rules over memory, any token, and nothing is kept."""
    import uvloop

    from hydrobit.mock import faults, serving

    if fault_every < 1:
        raise SettingError("--fault-every must be at least 1")
    try:
        dialled = faults.read(fault)
    except Refused as e:
        raise SettingError(f"--fault: {e.detail}") from e
    chosen = settings(host=host, port=port)
    require_free_port(chosen)
    log_json(chosen)
    plan = faults.every(fault_every, dialled)
    uvloop.run(serving.serve(chosen, plan=plan, started=lambda port: print(chosen.address(port), flush=True)))
