"""What is long is encoded where nobody waits for it."""

from threading import get_ident

import pytest

from hydrobit.wire.envelope import LIST_ON_LOOP_LENGTH_MAX, encode, encoded


@pytest.mark.parametrize(
    ("length", "is_beside"), [(0, False), (LIST_ON_LOOP_LENGTH_MAX, False), (LIST_ON_LOOP_LENGTH_MAX + 1, True)]
)
async def test_a_long_list_is_made_beside_the_event_loop(length: int, is_beside: bool) -> None:
    makers = []

    def make() -> list[int]:
        makers.append(get_ident())
        return list(range(length))

    assert bytes(await encoded(length, make)) == encode(list(range(length)))
    assert [maker != get_ident() for maker in makers] == [is_beside]
