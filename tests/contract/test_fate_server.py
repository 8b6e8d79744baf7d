"""The failure table against a real ClickHouse server, made to give as many of its answers as it can be brought to.

For each: the error as our store hands it on, its fate, and for those that time cures, that the same block under the same
token is then stored exactly once. What this server cannot be brought to say is held by tests/unit/test_fate.py: 27 and 53
(the driver finds a wrong type before it sends), 321, 173, 236, 425 and 439 (the machine's own distress), 75 and 499 (a disk
that fails in mid-write, object storage), 745 (its CPU starved), 201 (this edition reads quotas and does not count), 209 and
210 (what we see of the network we see on our own side), 733, 198, 279, 225, 285, 286, 319 and 999 (replicas and Keeper,
which this edition has not), and 242, which only a replicated table gives: a table's own setting gives 774.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from clusterctl.analytics.migrate import migrate
from clusterctl.collector.fate import Fate, fate_of
from clusterctl.config import StoreConfig, load
from clusterctl.errors import ServerError, StoreError, StoreUnavailable, Unencodable
from clusterctl.schema import EVENT
from clusterctl.store.driver import DriverStore, create_database
from tests.support.cli import wait_for
from tests.support.cutting_proxy import CuttingProxy
from tests.support.fetch import Missing
from tests.support.servers import ClickHouseServer

pytestmark = pytest.mark.clickhouse
USERS = """<clickhouse>
<profiles><default/>
  <forgetful><max_memory_usage>1000</max_memory_usage></forgetful>
  <hasty><max_execution_time>0.5</max_execution_time></hasty>
  <lonely><max_concurrent_queries_for_user>1</max_concurrent_queries_for_user></lonely>
  <full><min_free_disk_bytes_to_perform_insert>1000000000000000</min_free_disk_bytes_to_perform_insert></full>
  <strict><insert_null_as_default>0</insert_null_as_default></strict>
  <reader><readonly>1</readonly></reader>
</profiles>
<quotas><default/></quotas>
<users>{users}</users></clickhouse>"""
USER = """<{name}><password>{password}</password><networks><ip>::/0</ip></networks>
<profile>{profile}</profile><quota>default</quota>{more}</{name}>"""
NAMES = ("default", "forgetful", "hasty", "lonely", "full", "strict", "reader")
ROWS = 20
Columns = dict[str, list[Any]]


def users() -> str:
    """One user for each setting that the server shall fail by."""
    plain = [USER.format(name=name, password="", profile=name, more="") for name in NAMES]
    grants = "<grants><query>GRANT SELECT ON *.*</query></grants>"
    guest = USER.format(name="guest", password="right", profile="default", more=grants)
    return USERS.format(users="".join([*plain, guest]))


class Stage:
    """A server of our own with the product's tables, and stores of its users."""

    def __init__(self, home: Path) -> None:
        (home / "users.xml").write_text(users(), encoding="utf-8")
        config = home / "config.xml"
        config.write_text(f"<clickhouse><users_config>{home}/users.xml</users_config></clickhouse>", encoding="utf-8")
        self.server = ClickHouseServer(home, f"--config-file={config}")
        self.server.start()
        create_database(self.config())
        self.store = DriverStore(self.config())
        migrate(self.store)

    def config(self, **given: str) -> StoreConfig:
        env = {"KIND": "clickhouse", "HOST": "127.0.0.1", "PORT": str(self.server.port), "DATABASE": "fate", **given}
        return load(None, {f"CLUSTERCTL_STORE_{name}": value for name, value in env.items()}).store

    def user(self, name: str, **given: str) -> DriverStore:
        return DriverStore(self.config(USER=name, **given))

    def stored(self, host: str) -> int:
        """Rows as they lie there, repeats counted."""
        return int(self.store.query("SELECT count() FROM event WHERE host = {h:String}", {"h": host}).rows[0][0])

    def close(self) -> None:
        self.store.close()
        self.server.stop()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    try:
        made = Stage(tmp_path_factory.mktemp("fate"))
    except Missing as missing:
        pytest.skip(f"no clickhouse: {missing}")
    yield made
    made.close()


@pytest.fixture
def host() -> str:
    return f"h{secrets.token_hex(6)}"


def events(host: str, count: int = ROWS, step_ms: int = 1, **given: list[Any]) -> Columns:
    """Rows of one host with keys of their own, and text that does not compress."""
    columns: Columns = {}
    for column in EVENT.columns:
        if not column.default:
            columns[column.name] = [0] * count if column.type.python is int else [""] * count
    columns.update(
        host=[host] * count,
        ts=[1_790_000_000_000 + number * step_ms for number in range(count)],
        source_seq=list(range(count)),
        text=[secrets.token_hex(100) for _ in range(count)],
        pid=[None] * count,
    )
    return {**columns, **given}


# -- what time cures -------------------------------------------------------------------------------------------------------

Cause = Callable[[Stage], AbstractContextManager[DriverStore]]


def as_user(name: str) -> Cause:
    """A user whose settings are the cause; it is gone when another inserts."""

    @contextmanager
    def cause(stage: Stage) -> Iterator[DriverStore]:
        store = stage.user(name)
        yield store
        store.close()

    return cause


def table_setting(change: str) -> Cause:
    @contextmanager
    def cause(stage: Stage) -> Iterator[DriverStore]:
        stage.store.execute(f"ALTER TABLE event MODIFY SETTING {change}")
        yield stage.store
        stage.store.execute(f"ALTER TABLE event RESET SETTING {change.split()[0]}")

    return cause


@contextmanager
def too_many_parts(stage: Stage) -> Iterator[DriverStore]:
    stage.store.execute("SYSTEM STOP MERGES event")
    stage.store.insert("event", events("crowd-1"))
    with table_setting("parts_to_throw_insert = 1")(stage) as store:
        yield store
    stage.store.execute("SYSTEM START MERGES event")


@contextmanager
def slow_view(stage: Stage) -> Iterator[None]:
    """Whoever inserts waits two seconds for a view."""
    stage.store.execute("CREATE MATERIALIZED VIEW slow ENGINE = Null AS SELECT sleep(2) AS nothing FROM event")
    yield
    stage.store.execute("DROP TABLE slow SYNC")


@contextmanager
def timeout_exceeded(stage: Stage) -> Iterator[DriverStore]:
    with slow_view(stage), as_user("hasty")(stage) as store:
        yield store


@contextmanager
def too_many_queries(stage: Stage) -> Iterator[DriverStore]:
    busy, store = stage.user("lonely"), stage.user("lonely")
    working = threading.Thread(target=lambda: busy.query("SELECT sleep(1)"))
    working.start()
    assert wait_for(lambda: _running(stage, "SELECT sleep"), 5, 0.02)
    yield store
    working.join()
    store.close()


@contextmanager
def killed_query(stage: Stage) -> Iterator[DriverStore]:
    def kill() -> None:
        killer = stage.user("default")
        while not killer.query("KILL QUERY WHERE query LIKE 'INSERT INTO event%' ASYNC").rows:
            time.sleep(0.02)
        killer.close()

    killing = threading.Thread(target=kill)
    with slow_view(stage):
        killing.start()
        yield stage.user("default")
        killing.join()


def _running(stage: Stage, text: str) -> bool:
    found = stage.store.query(
        "SELECT count() FROM system.processes WHERE startsWith(query, {text:String})", {"text": text}
    )
    return bool(found.rows[0][0])


RETRIED: list[tuple[int, Cause]] = [
    (159, timeout_exceeded),
    (202, too_many_queries),
    (241, as_user("forgetful")),
    (243, as_user("full")),
    (252, too_many_parts),
    (394, killed_query),
    (774, table_setting("table_readonly = 1")),
]


@pytest.mark.parametrize(("code", "cause"), RETRIED, ids=[str(code) for code, _ in RETRIED])
def test_what_time_cures_is_stored_once_when_it_has_passed(stage: Stage, host: str, code: int, cause: Cause) -> None:
    columns = events(host)
    with cause(stage) as store, pytest.raises(ServerError) as refused:
        store.insert("event", columns, host)
    assert refused.value.code == code
    assert fate_of(refused.value) is Fate.RETRY
    for _ in range(2):
        stage.store.insert("event", columns, host)
        assert stage.stored(host) == ROWS


# -- connections that end in the middle --------------------------------------------------------------------------------------

LARGE = 2_000
"""Rows that take some hundred kB on the wire: the cut falls among them."""


@pytest.mark.parametrize("part", ["request", "answer"])
def test_a_connection_cut_in_the_middle_leaves_the_block_stored_once(stage: Stage, host: str, part: str) -> None:
    """Cut in the insert nothing may be stored; cut in the reply all is, and only the token tells."""
    proxy = CuttingProxy(stage.server.port)
    store = DriverStore(stage.config(PORT=str(proxy.port)))
    columns = events(host, LARGE)
    proxy.cut_request(100_000) if part == "request" else proxy.cut_answer(100_000)
    with pytest.raises(StoreUnavailable) as lost:
        store.insert("event", columns, host)
    assert proxy.cuts == 1
    assert fate_of(lost.value) is Fate.RETRY
    if part == "answer":
        assert wait_for(lambda: stage.stored(host) == LARGE, 10, 0.05), "it had been stored, and nobody heard of it"
    for _ in range(2):
        store.insert("event", columns, host)
        assert stage.stored(host) == LARGE
    store.close()
    proxy.close()


def test_a_server_that_hangs_is_a_timeout_and_the_block_is_stored_once(stage: Stage, host: str) -> None:
    store = stage.user("default", TIMEOUT_S="1")
    columns = events(host)
    with slow_view(stage):
        hanging = threading.Timer(0.3, stage.server.hold)
        hanging.start()
        try:
            with pytest.raises(StoreUnavailable, match="timed out") as lost:
                store.insert("event", columns, host)
        finally:
            hanging.join()
            stage.server.let_go()
    assert fate_of(lost.value) is Fate.RETRY
    for _ in range(2):
        store.insert("event", columns, host)
        assert stage.stored(host) == ROWS
    store.close()


def test_nobody_listening_is_waited_for(stage: Stage, host: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        DriverStore(stage.config(PORT="1")).insert("event", events(host), host)
    assert fate_of(refused.value) is Fate.RETRY


# -- what one row spoils -----------------------------------------------------------------------------------------------------


def test_too_many_partitions_are_split_though_the_code_is_that_of_too_many_parts(stage: Stage, host: str) -> None:
    columns = events(host, 120, step_ms=31 * 86_400_000)
    with pytest.raises(ServerError) as refused:
        stage.store.insert("event", columns, host)
    assert refused.value.code == 252
    assert fate_of(refused.value) is Fate.SPLIT
    for name, half in (("first", slice(60)), ("second", slice(60, None))):
        stage.store.insert("event", {key: values[half] for key, values in columns.items()}, f"{host}-{name}")
    assert stage.stored(host) == 120, "the halves pass"


@pytest.mark.parametrize(
    ("column", "value"), [("count", None), ("count", 1 << 32), ("count", -1), ("count", "many"), ("text", 5)]
)
def test_a_value_that_its_column_cannot_hold_never_leaves_us(stage: Stage, host: str, column: str, value: Any) -> None:
    """NULL where none may be, out of range, of another type: the driver refuses, and the rest of the block can be saved."""
    columns = events(host)
    columns[column][7] = value
    with pytest.raises(Unencodable) as refused:
        stage.store.insert("event", columns, host)
    assert fate_of(refused.value) is Fate.SPLIT
    assert stage.stored(host) == 0
    stage.store.insert("event", {name: values[:7] for name, values in columns.items()}, host)
    assert stage.stored(host) == 7


VIEWS = [
    (6, "SELECT toUInt8(text) AS value FROM event"),
    (70, "SELECT accurateCast(source_seq + 300, 'UInt8') AS value FROM event"),
    (117, "SELECT length(toJSONString(CAST(concat('{', text) AS JSON))) AS value FROM event"),
    (349, "SELECT CAST(pid AS UInt8) AS value FROM event"),
]
"""What the server finds at a row's expense once it has it; a site's own view is where it does that."""


@pytest.mark.parametrize(("code", "select"), VIEWS, ids=[str(code) for code, _ in VIEWS])
def test_what_the_server_cannot_convert_is_split(stage: Stage, host: str, code: int, select: str) -> None:
    stage.store.execute("CREATE TABLE narrow (value UInt8) ENGINE = MergeTree ORDER BY value")
    stage.store.execute(f"CREATE MATERIALIZED VIEW judge TO narrow AS {select}")
    try:
        with pytest.raises(ServerError) as refused:
            stage.user("strict").insert("event", events(host), host)
    finally:
        stage.store.execute("DROP TABLE judge SYNC")
        stage.store.execute("DROP TABLE narrow SYNC")
    assert refused.value.code == code
    assert fate_of(refused.value) is Fate.SPLIT


# -- our own faults ----------------------------------------------------------------------------------------------------------


def stopped(refused: StoreError, code: int) -> bool:
    return isinstance(refused, ServerError) and refused.code == code and fate_of(refused) is Fate.STOP


def test_an_unknown_table_a_column_and_a_query_stop(stage: Stage, host: str) -> None:
    with pytest.raises(ServerError) as table:
        stage.store.insert("no_such", events(host), host)
    assert stopped(table.value, 60)
    with pytest.raises(ServerError) as column:
        stage.store.insert("event", events(host, no_such=[1] * ROWS), host)
    assert stopped(column.value, 16)
    with pytest.raises(ServerError) as identifier:
        stage.store.query("SELECT no_such")
    assert stopped(identifier.value, 47)
    assert stage.stored(host) == 0


@pytest.mark.parametrize(("user", "password", "code"), [("guest", "right", 497), ("reader", "", 164)])
def test_missing_rights_stop(stage: Stage, host: str, user: str, password: str, code: int) -> None:
    with pytest.raises(ServerError) as refused:
        stage.user(user, PASSWORD=password).insert("event", events(host), host)
    assert stopped(refused.value, code)


@pytest.mark.parametrize(("given", "code"), [({"USER": "guest", "PASSWORD": "x"}, 516), ({"DATABASE": "no"}, 81)])
def test_a_refused_login_stops(tmp_path: Path, host: str, given: dict[str, str], code: int) -> None:
    """On a server of its own: this edition of the engine does not outlive a login that it refuses."""
    stage = Stage(tmp_path)
    try:
        with pytest.raises(ServerError) as refused:
            DriverStore(stage.config(**given)).insert("event", events(host), host)
    finally:
        stage.close()
    assert stopped(refused.value, code)
