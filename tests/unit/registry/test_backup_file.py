"""The form of a backup: what is written is read again, and anything else is refused."""

import io
import stat
import sys
from pathlib import Path

import pytest

from services.registry.backup import opened_file
from services.registry.backup.backup_file import BackupReader, BackupWriter, Header
from services.registry.backup.opened_file import WrongFileError, opened_to_read, opened_to_write
from services.registry.backup.refusal import RefusedError

ROWS = [b"c1\ta label\n", b"c2\t\\\\.\n"]


def backup() -> bytes:
    file = io.BytesIO()
    header = Header(taken_at="now", migrations=[("0001_x.sql", "ab")], sequences={"numbers": 7})
    writer = BackupWriter(file, header)
    writer.begin_table("chargers", ["id", "label"])
    for row in ROWS:
        writer.write(row)
    writer.end_table()
    writer.begin_table("widgets", ["id"])
    writer.end_table()
    writer.end()
    return file.getvalue()


def read(data: bytes) -> list[object]:
    reader = BackupReader(io.BytesIO(data))
    found: list[object] = [reader.header]
    while (table := reader.next_table()) is not None:
        found.append((*table, b"".join(reader.rows())))
    return found


def test_what_is_written_is_read_again() -> None:
    header, *tables = read(backup())
    assert isinstance(header, Header)
    assert (header.migrations, header.sequences) == ([("0001_x.sql", "ab")], {"numbers": 7})
    assert tables == [("chargers", ["id", "label"], b"".join(ROWS)), ("widgets", ["id"], b"")]


def test_a_backup_that_ends_anywhere_is_refused() -> None:
    data = backup()
    for end in range(len(data)):
        with pytest.raises(RefusedError):
            read(data[:end])


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_a_backup_with_one_byte_changed_is_refused(flip: int) -> None:
    data = backup()
    for place in range(len(data)):
        changed = bytes([*data[:place], data[place] ^ flip, *data[place + 1 :]])
        with pytest.raises(RefusedError):
            read(changed)


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\n", bytes(1 << 20)])
def test_what_is_no_backup_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(RefusedError, match="no backup of Chargelight"):
        read(data)


def test_a_row_that_restore_would_not_read_is_not_written() -> None:
    writer = BackupWriter(io.BytesIO(), Header(taken_at="now", migrations=[], sequences={}))
    with pytest.raises(RefusedError, match="a row has"):
        writer.write(bytes(1 << 25))


def test_a_file_appears_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "hub.backup"
    path.write_bytes(b"older")
    path.chmod(0o644)
    with opened_to_write(str(path)) as file:
        file.write(b"newer")
        assert path.read_bytes() == b"older"
    assert path.read_bytes() == b"newer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["hub.backup"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_file_that_was_not_written_whole_is_gone(tmp_path: Path, error: BaseException) -> None:
    def write_half() -> None:
        with opened_to_write(str(tmp_path / "hub.backup")) as file:
            file.write(b"half")
            raise error

    with pytest.raises((KeyboardInterrupt, OSError)):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"older")
    (tmp_path / "link").symlink_to("file")
    with opened_to_write(str(tmp_path / "link")) as file:
        file.write(b"newer")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"newer"


@pytest.mark.parametrize("name", ["/dev/null", "/", "/no/such/folder/x"])
def test_what_cannot_be_a_file_is_not_replaced_by_one(name: str) -> None:
    with pytest.raises(WrongFileError, match=name), opened_to_write(name):
        pass


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongFileError, match="nowhere: No such file"):
        opened_to_read(str(tmp_path / "nowhere")).__enter__()


def test_nothing_is_read_from_or_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in "stdin", "stdout":
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True, raising=False)
    assert opened_file.STANDARD == "-"
    with pytest.raises(WrongFileError, match="terminal"):
        opened_to_read("-").__enter__()
    with pytest.raises(WrongFileError, match="terminal"):
        opened_to_write("-").__enter__()
