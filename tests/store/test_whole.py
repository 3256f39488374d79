"""Files are written whole or not at all, never through a link, and a draft is known by its name."""

import os
import stat
from pathlib import Path

import pytest

from simulator.store import whole


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "some"
    whole.write(place, b"old")
    place.chmod(0o640)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(OSError, match="No space"):
                whole.write(place, b"new")
        assert place.read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["some"]
    whole.write(place, b"new")
    assert place.read_bytes() == b"new"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640


def test_nothing_is_written_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"kept")
    (tmp_path / "some").symlink_to(secret)
    whole.write(tmp_path / "some", b"new")
    assert (tmp_path / "some").read_bytes() == b"new"
    assert not (tmp_path / "some").is_symlink()
    assert not (tmp_path / "some").stat().st_mode & stat.S_IXUSR  # as links have
    # Nor where somebody foresaw the name of the draft.
    monkeypatch.setattr(os, "urandom", bytes)
    (tmp_path / (".rooftile-" + "0" * 12 + ".other")).symlink_to(secret)
    with pytest.raises(FileExistsError):
        whole.write(tmp_path / "other", b"new")
    assert secret.read_bytes() == b"kept"


def test_what_the_user_asked_for_may_be_a_link_or_a_device(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    whole.deliver(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"
    whole.deliver(os.devnull, b"gone")
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("name", ["n" * 255, "\N{SNOWMAN}" * 85, "\N{ROCKET}" * 63])
def test_a_name_may_be_as_long_as_the_system_lets_it(tmp_path: Path, name: str) -> None:
    whole.write(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_draft_is_known_by_its_name(tmp_path: Path) -> None:
    for name in (
        ".rooftile-0123456789ab.plan.json",
        ".rooftile-0123456789ab.else",
        ".rooftile-.plan.json",
        "plan.json",
    ):
        (tmp_path / name).write_bytes(b"")
    found = list(whole.drafts(tmp_path, lambda name: name == "plan.json"))
    assert [path.name for path in found] == [".rooftile-0123456789ab.plan.json"]
