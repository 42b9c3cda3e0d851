from services.gateway.ocpp.messages import StartTransaction
from services.gateway.ocpp.transactions import MOST_TRANSACTIONS, Transactions

UTC = 1_796_032_800.7


def start(connector: int = 1, meter: object = 0, **more: object) -> StartTransaction:
    said = {"timestamp": "2026-11-30T10:00:00Z", "id_tag": "04E1", **more}
    return StartTransaction(connector, meter_start=meter, **said)


def test_an_id_is_the_time_or_one_more_than_the_last() -> None:
    transactions = Transactions()
    assert transactions.begin(start(meter=1), UTC) == int(UTC)
    assert transactions.begin(start(meter=2), UTC) == int(UTC) + 1
    assert transactions.begin(start(meter=3), UTC - 999) == int(UTC) + 2
    assert transactions.begin(start(meter=4), UTC + 999) == int(UTC) + 999


def test_the_same_request_gets_the_same_id_again() -> None:
    transactions = Transactions()
    number = transactions.begin(start(), UTC)
    transactions.begin(start(connector=2), UTC)
    transactions.has_changed = False
    assert transactions.begin(start(), UTC + 60) == number
    assert not transactions.has_changed
    for other in (
        start(connector=2, meter=1),
        start(meter=1),
        start(timestamp="2026-11-30T10:00:01Z"),
        start(id_tag="04E2"),
    ):
        assert transactions.begin(other, UTC) != number


def test_it_gets_it_from_the_next_gateway_too() -> None:
    before = Transactions()
    number = before.begin(start(), UTC)
    after = Transactions()
    after.load(before.encode())
    assert not after.has_changed
    assert after.begin(start(), UTC + 60) == number
    assert after.begin(start(meter=1), UTC - 60) == number + 1


def test_a_card_is_not_stored() -> None:
    transactions = Transactions()
    transactions.begin(start(id_tag="SECRETCARD"), UTC)
    assert b"SECRETCARD" not in transactions.encode()


def test_the_connector_of_2_x_is_that_of_the_first_event() -> None:
    transactions = Transactions()
    assert transactions.follow("t1", None) is None
    assert transactions.follow("t1", 2) == 2
    assert transactions.follow("t1", None) == 2
    assert transactions.follow("t1", None, is_end=True) == 2
    assert transactions.follow("t1", None) == 2


def test_an_event_may_correct_the_connector() -> None:
    transactions = Transactions()
    transactions.follow("t1", 2)
    transactions.has_changed = False
    assert transactions.follow("t1", 3) == 3
    assert transactions.has_changed


def test_a_transaction_is_open_until_it_ends_and_nothing_revives_it() -> None:
    transactions = Transactions()
    transactions.follow("t1", 2)
    assert transactions.open_on(2) == "t1"
    assert not transactions.open_on(1)
    assert not transactions.open_on(None)
    transactions.follow("t1", None, is_end=True)
    assert not transactions.open_on(2)
    transactions.follow("t1", 2)
    assert not transactions.open_on(2)


def test_a_connector_has_one_open_transaction_at_a_time() -> None:
    transactions = Transactions()
    transactions.begin(start(meter=1), UTC)
    second = transactions.begin(start(meter=2), UTC)
    assert transactions.end(str(second)) == 1
    assert not transactions.open_on(1)


def test_an_end_may_be_sent_again() -> None:
    transactions = Transactions()
    number = transactions.begin(start(connector=3), UTC)
    assert transactions.end(str(number)) == 3
    transactions.has_changed = False
    assert transactions.end(str(number)) == 3
    assert not transactions.has_changed
    assert transactions.end("-1") is None


def test_an_end_that_comes_alone_ends_no_other_transaction() -> None:
    transactions = Transactions()
    transactions.follow("new", 1)
    assert transactions.follow("old", 1, is_end=True) == 1
    assert transactions.open_on(1) == "new"


def test_only_the_newest_are_kept() -> None:
    transactions = Transactions()
    for n in range(MOST_TRANSACTIONS + 5):
        transactions.follow(f"t{n}", 1)
    assert len(list(transactions)) == MOST_TRANSACTIONS
    assert transactions.follow("t4", None) is None
    assert transactions.follow("t5", None) == 1


def test_what_is_known_here_is_newer_than_what_is_stored() -> None:
    stored = Transactions()
    stored.follow("t1", 1)
    stored.follow("t2", 2)
    here = Transactions()
    here.follow("t1", 3)
    here.load(stored.encode())
    assert [(each.id, each.connector) for each in here] == [("t2", 2), ("t1", 3)]
    assert here.has_changed


def test_a_broken_value_counts_as_nothing() -> None:
    for broken in (None, b"", b"{}", b"[[1]]", b'[["t1","x"]]', b"\xff"):
        transactions = Transactions()
        transactions.load(broken)
        assert not list(transactions)
    transactions.load(b'[["x",1,true,"abc"]]')
    assert transactions.begin(start(), UTC) == int(UTC)


def test_a_long_id_is_cut() -> None:
    transactions = Transactions()
    transactions.follow("x" * 9999, 1)
    assert len(transactions.encode()) < 200
    assert transactions.follow("x" * 9999, None) == 1
