"""The code of a release is what was committed, or there is a reason why it is not there."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.upgrade.released import NotHereError, Release, last_release, unpack

FILES = ("services/served.py", "shared/agreed.py", "CHANGELOG.md", ".env.example")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository without commits."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "released"
    folder.mkdir()
    return folder


def git(root: Path, *words: str) -> str:
    own = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *own, *words], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(root: Path, text: str) -> str:
    """Commit all files with a text in each; return the commit."""
    for name in FILES:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", text)
    return git(root, "rev-parse", "HEAD")


def test_it_is_the_code_of_that_commit(repository: Path, folder: Path) -> None:
    released = Release("0.1.0", commit(repository, "released"))
    commit(repository, "changed")
    unpack(released, folder, repository)
    assert [(folder / name).read_text() for name in FILES] == ["released"] * len(FILES)


def test_a_commit_that_is_not_in_this_clone_is_named(repository: Path, folder: Path) -> None:
    commit(repository, "changed")
    with pytest.raises(NotHereError, match=r"0\.1\.0 is not in this clone .* --unshallow"):
        unpack(Release("0.1.0", "1" * 40), folder, repository)


def test_a_commit_is_named_in_full(tmp_path: Path) -> None:
    file = tmp_path / "released.toml"
    file.write_text(f'version = "0.1.0"\ncommit = "{"a" * 40}"\n')
    assert last_release(file) == Release("0.1.0", "a" * 40)
    file.write_text('version = "0.1.0"\ncommit = "1568bfe"\n')
    with pytest.raises(msgspec.ValidationError):
        last_release(file)
