"""Files appear whole or not at all, whatever happens while they are written."""

import errno
import os
import stat
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from whitediff.exposure import Exposure
from whitediff.io import atomic, read_exposure, replace_file, write_exposure


@pytest.fixture
def exposure():
    return Exposure(image=np.full((31, 45), 7.0, dtype=np.float32))


def test_content_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "out.bin"
    with replace_file(path) as file:
        file.write(b"content")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["out.bin"]


@pytest.mark.parametrize("can_begin", [True, False])
def test_what_the_disk_begins_with_stays_as_it_is(tmp_path, monkeypatch, can_begin):
    if not can_begin:
        monkeypatch.delattr(os, "posix_fadvise", raising=False)
    content = np.arange(3_000_000, dtype=np.int32).tobytes()
    with replace_file(tmp_path / "out.bin") as file:
        for begin in (8_000_000, 0, 4_000_000):
            file.seek(begin)
            file.write(content[begin : begin + 4_000_000])
            atomic.begin_to_write(file, begin)
        assert os.pread(file.fileno(), len(content), 0) == content
    assert (tmp_path / "out.bin").read_bytes() == content


def test_new_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        with replace_file(tmp_path / "out.bin") as file:
            file.write(b"content")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out.bin").stat().st_mode) == 0o640


def test_an_existing_file_is_kept(tmp_path, exposure):
    path = tmp_path / "out.fits"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=r"out\.fits exists"):
        write_exposure(exposure, path)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["out.fits"]


def test_an_existing_file_is_replaced_on_request(tmp_path, exposure):
    path = tmp_path / "out.fits"
    path.write_bytes(b"old")
    write_exposure(exposure, path, overwrite=True)
    assert (read_exposure(path).image.array == 7.0).all()


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "out.bin"
    with pytest.raises(FileExistsError), replace_file(path) as file:
        file.write(b"late")
        path.write_bytes(b"early")
    assert path.read_bytes() == b"early"
    assert os.listdir(tmp_path) == ["out.bin"]


def test_a_link_keeps_pointing_at_the_file(tmp_path):
    target, link = tmp_path / "target.bin", tmp_path / "link.bin"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with replace_file(link, overwrite=True) as file:
        file.write(b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"


def test_the_directory_has_to_exist(tmp_path, exposure):
    with pytest.raises(FileNotFoundError, match=r"directory .*nowhere of out\.fits does not exist"):
        write_exposure(exposure, tmp_path / "nowhere" / "out.fits")
    with pytest.raises(IsADirectoryError, match="path must be the name of a file, got"):
        write_exposure(exposure, tmp_path, overwrite=True)


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="halfway"), replace_file(path, overwrite=True) as file:
        file.write(b"new")
        raise RuntimeError("halfway")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.bin"]


def test_an_interrupt_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replace_file(path, overwrite=True) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.bin"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_what_was_there(tmp_path, exposure, monkeypatch, overwrite):
    path = tmp_path / "out.fits"
    if overwrite:
        path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_exposure(exposure, path, overwrite=overwrite)
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == (["out.fits"] if overwrite else [])
    assert not overwrite or path.read_bytes() == b"old"


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """A device without room fails in write(), before anything is flushed to it."""
    monkeypatch.setattr(atomic, "_open_nameless", lambda directory: None)
    opened = os.open
    monkeypatch.setattr(
        atomic.os,
        "open",
        lambda path, flags, mode=0o777: opened(
            "/dev/full" if str(path).endswith(".part") else path, flags & ~os.O_EXCL, mode
        ),
    )
    large = Exposure(image=np.zeros((300, 301)))
    with pytest.raises(OSError, match="No space left"):
        write_exposure(large, tmp_path / "out.fits")
    assert os.listdir(tmp_path) == []


def test_a_killed_run_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.fits"
    write_exposure(Exposure(image=np.full((5, 6), 3.0)), path)
    old = path.read_bytes()
    script = textwrap.dedent(
        """
        import os, signal, sys
        import numpy as np
        from whitediff.exposure import Exposure
        from whitediff.io import atomic, write_exposure

        def die(descriptor):
            os.kill(os.getpid(), signal.SIGKILL)

        atomic.os.fsync = die
        for name, overwrite in ((sys.argv[1], True), (sys.argv[2], False)):
            if os.fork() == 0:
                write_exposure(Exposure(image=np.zeros((300, 301))), name, overwrite=overwrite)
            pid, status = os.wait()
            assert os.WTERMSIG(status) == signal.SIGKILL
        """
    )
    new = tmp_path / "new.fits"
    subprocess.run([sys.executable, "-c", script, path, new], check=True)
    assert path.read_bytes() == old
    assert not new.exists()
    # The unfinished copies cannot be taken for FITS files.
    assert {name.suffix for name in tmp_path.iterdir() if name != path} <= {".part"}


@pytest.fixture(params=["nameless", "hidden"])
def way(request, monkeypatch):
    """Both ways to a file that has not its name yet."""
    if request.param == "hidden":
        monkeypatch.setattr(atomic, "_open_nameless", lambda directory: None)
    return request.param


@pytest.mark.usefixtures("way")
def test_the_mode_of_a_file_that_is_replaced_is_kept(tmp_path):
    path = tmp_path / "out.bin"
    for mode in (0o600, 0o644, 0o755):
        path.write_bytes(b"old")
        path.chmod(mode)
        with replace_file(path, overwrite=True) as file:
            file.write(b"new")
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out.bin"]


@pytest.mark.usefixtures("way")
def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/null"):
        with pytest.raises(FileExistsError, match="is not a regular file"):
            with replace_file(path, overwrite=True):
                raise AssertionError("it was opened")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.usefixtures("way")
def test_an_error_leaves_nothing_either_way(tmp_path):
    with pytest.raises(RuntimeError), replace_file(tmp_path / "out.bin") as file:
        file.write(b"new")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_what_killed_processes_leave_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_open_nameless", lambda directory: None)
    stale, other = tmp_path / ".out.bin.0123abcd.part", tmp_path / ".out.bin2.0123abcd.part"
    for path in (stale, other):
        path.write_bytes(b"half")
    # One that is being written is locked.
    with replace_file(tmp_path / "out.bin") as first:
        assert not stale.exists() and other.exists()
        first.write(b"first")
        with replace_file(tmp_path / "out.bin") as second:
            second.write(b"second")
            assert len(list(tmp_path.glob(".out.bin.*.part"))) == 2
        (tmp_path / "out.bin").unlink()
    assert (tmp_path / "out.bin").read_bytes() == b"first"


@pytest.mark.parametrize("name", ["out.fits.bz2", "OUT.FITS.XZ"])
def test_names_of_files_compressed_in_other_ways_are_refused(tmp_path, exposure, name):
    with pytest.raises(ValueError, match="path must not end with .bz2, .*, got"):
        write_exposure(exposure, tmp_path / name)
    assert os.listdir(tmp_path) == []
