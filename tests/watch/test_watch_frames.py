"""A folder that a renderer writes into: each frame once, when it is complete, as `denoise` would have done it."""

import shutil
import threading
import time

import pytest
from conftest import true_frame
from nightly_fixtures import nightly
from watch_fixtures import ENGINE, SIZE, assert_as_denoised, file_of, options, put, writing

from n2n_render.denoise import DenoiseOptions, denoise
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.guides.neighbors import Neighbors
from n2n_render.io.exr import is_readable, write_frame
from n2n_render.watch import footage, watch


@pytest.mark.slow
def test_a_frame_is_taken_when_it_is_complete(watch_shot, watch_renders, tmp_path):
    """In place in two halves, renamed, one after the other; nothing but whole pictures ever lies in the output."""
    seen, stop = set(), threading.Event()

    def look():
        while not stop.wait(0.005):
            seen.update(path for path in (tmp_path / "clean").glob("*.exr") if not is_readable(path))

    looking = threading.Thread(target=look)
    looking.start()
    steps = [("halves", 0.05, 1), ("rename", 0.1, 2), ("halves", 0.4, 3), ("rename", 0, 4)]  # one pause is longer than settling
    with writing(watch_shot, watch_renders, steps):
        done = watch(options(watch_renders, frames=(1, 2, 3, 4)))
    stop.set()
    looking.join()
    assert {path.name for path in done.outputs} == {file_of(number) for number in (1, 2, 3, 4)} and not seen
    assert (done.kept, done.again) == (0, 0)
    assert_as_denoised(watch_renders, (1, 2, 3, 4), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, *nightly(False)])
@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5, 6), (4, 1, 6, 3, 2, 5)], ids=["in order", "as a farm has it"])
def test_neighbours_are_taken_in_as_by_denoise_bit_for_bit(watch_shot, watch_renders, tmp_path, order, known):
    with writing(watch_shot, watch_renders, [("rename", 0.15, number) for number in order]):
        end = {"frames": (1, 2, 3, 4, 5, 6)} if known else {"until_idle": 0.03}
        watch(options(watch_renders, temporal=2, **end))
    assert_as_denoised(watch_renders, range(1, 7), tmp_path, temporal=2)


@pytest.mark.slow
def test_a_frame_waits_for_those_after_it_and_for_no_others(watch_shot, watch_renders, tmp_path):
    """In order each frame is read once, and no more than a window is held, however many come."""
    events, held, reads = [], [], []
    real_read, real_beside = Neighbors._read, Neighbors.beside

    def read(self, paths, layer):
        reads.append(paths[0].name)
        return real_read(self, paths, layer)

    def beside(self, index, *others):
        found = real_beside(self, index, *others)
        events.append((self.groups[index][0].name, sorted(path.name for path in watch_renders.glob("*.exr"))))
        held.append(len(self._denoised))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Neighbors, "_read", read)
        patch.setattr(Neighbors, "beside", beside)
        with writing(watch_shot, watch_renders, [("rename", 0.2, number) for number in range(1, 13)]):
            watch(options(watch_renders, temporal=1, frames=tuple(range(1, 13))))
    assert [name for name, _ in events] == [file_of(number) for number in range(1, 13)]
    assert all(file_of(min(12, number + 1)) in there for number, (_, there) in enumerate(events, 1))
    assert len(events[0][1]) < 12  # it did not wait for the end
    assert reads == [file_of(number) for number in range(1, 13)] and max(held) <= 3
    assert_as_denoised(watch_renders, range(1, 13), tmp_path, temporal=1)


@pytest.mark.slow
def test_what_never_came_is_done_without_and_said(watch_shot, watch_renders, tmp_path, watch_said):
    told, reporter = watch_said
    put(watch_shot, watch_renders, 1, 2, 3, 5, 6)
    with pytest.raises(N2NError, match="frame 4 did not come"):
        watch(options(watch_renders, temporal=1, frames=(1, 2, 3, 4, 5, 6), until_idle=0.01), reporter)
    assert sum("without frame 4" in text for text in told.warnings) == 2  # frames 3 and 5
    assert_as_denoised(watch_renders, (1, 2, 3, 5, 6), tmp_path, temporal=1)
    put(watch_shot, watch_renders, 4)  # and when it comes at last
    done = watch(options(watch_renders, temporal=1, frames=(1, 2, 3, 4, 5, 6)), reporter)
    assert [path.name for path in done.outputs] == [file_of(number) for number in (3, 4, 5)] and done.kept == 3
    assert_as_denoised(watch_renders, (1, 2, 3, 4, 5, 6), tmp_path / "all", temporal=1)


@pytest.mark.slow
def test_a_broken_file_is_told_of_once_and_taken_when_it_changes(watch_shot, watch_renders, tmp_path, caplog):
    put(watch_shot, watch_renders, 1, 3)
    (watch_renders / file_of(2)).write_bytes((watch_shot / "a" / file_of(2)).read_bytes()[:3000])

    def mend():
        while not caplog.records:
            time.sleep(0.02)
        time.sleep(0.3)
        put(watch_shot, watch_renders, 2)

    mending = threading.Thread(target=mend)
    mending.start()
    done = watch(options(watch_renders, frames=(1, 2, 3), temporal=1))
    mending.join()
    assert sum(file_of(2) in record.getMessage() for record in caplog.records if "left until" in record.getMessage()) == 1
    assert len(done.outputs) == 3
    assert_as_denoised(watch_renders, (1, 2, 3), tmp_path, temporal=1)  # its neighbours were done again with it


@pytest.mark.slow
def test_one_that_stays_broken_ends_with_its_name(watch_shot, watch_renders, tmp_path):
    put(watch_shot, watch_renders, 1, 3)
    (watch_renders / file_of(2)).write_bytes(b"no image")
    with pytest.raises(N2NError, match=r"1 of 3 frames could not be denoised: .*f_0002.exr"):
        watch(options(watch_renders, until_idle=0.01))
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == [file_of(1), file_of(3)]


@pytest.mark.slow
def test_a_frame_that_cannot_be_denoised_does_not_stop_it(watch_shot, watch_renders, tmp_path, watch_said):
    told, reporter = watch_said
    put(watch_shot, watch_renders, 1, 3)
    write_frame(watch_renders / file_of(2), Frame(color=true_frame(*SIZE).color))  # no guides
    with pytest.raises(N2NError, match="1 of 3 frames could not be denoised"):
        watch(options(watch_renders, frames=(1, 2, 3)), reporter)
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == [file_of(1), file_of(3)]
    assert any("tried again" in text for text in told.warnings)


@pytest.mark.slow
def test_a_picture_that_the_disk_did_not_take_is_tried_again_though_no_file_changes(
    watch_shot, watch_renders, tmp_path, monkeypatch
):
    """A folder in its way stands for a full disk."""
    monkeypatch.setattr(footage, "RETRY_S", 0.1)
    put(watch_shot, watch_renders, 1)
    blocked = tmp_path / "clean" / file_of(1)
    blocked.mkdir(parents=True)

    def later():
        time.sleep(1)
        blocked.rmdir()
        while not blocked.is_file():
            time.sleep(0.02)
        put(watch_shot, watch_renders, 2)

    coming = threading.Thread(target=later)
    coming.start()
    assert len(watch(options(watch_renders, frames=(1, 2))).outputs) == 2
    coming.join()


@pytest.mark.slow
@pytest.mark.parametrize("temporal", [0, 1])
def test_a_frame_that_is_rendered_again_is_denoised_again(watch_shot, watch_renders, tmp_path, watch_said, temporal):
    told, reporter = watch_said
    put(watch_shot, watch_renders, 1, 2, 3, 4)

    def again():
        while not (tmp_path / "clean" / file_of(3)).exists():
            time.sleep(0.02)
        put(watch_shot, watch_renders, 2, seed="b")
        while not any("rendered again" in note for note in told.notes):
            time.sleep(0.02)
        put(watch_shot, watch_renders, 5)

    rendering = threading.Thread(target=again)
    rendering.start()
    done = watch(options(watch_renders, frames=(1, 2, 3, 4, 5), temporal=temporal), reporter)
    rendering.join()
    assert [note for note in told.notes if "again" in note] == [
        f"{watch_renders / file_of(2)}: was rendered again, and is denoised again"
    ]
    assert done.again == 3 if temporal else done.again == 1  # with neighbours: what it was taken in by, too
    assert_as_denoised(watch_renders, range(1, 6), tmp_path, temporal=temporal)


@pytest.mark.slow
def test_what_is_there_stays_and_what_is_older_than_its_render_does_not(watch_shot, watch_renders, tmp_path):
    put(watch_shot, watch_renders, 1, 2, 3)
    watch(options(watch_renders, frames=(1, 2, 3)))
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "clean").iterdir()}
    done = watch(options(watch_renders, frames=(1, 2, 3)))
    assert (done.outputs, done.kept) == ((), 3)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "clean").iterdir()} == times
    put(watch_shot, watch_renders, 2, seed="b")
    done = watch(options(watch_renders, frames=(1, 2, 3)))
    assert ([path.name for path in done.outputs], done.kept) == ([file_of(2)], 2)


@pytest.mark.slow
def test_of_many_files_that_are_there_the_first_are_denoised_before_all_are_read(
    watch_shot, watch_renders, tmp_path, monkeypatch
):
    from n2n_render.watch import arrivals

    done_before, real = [], arrivals._can_be_read

    def can_be_read(path):
        done_before.append(len(list((tmp_path / "clean").iterdir())))
        return real(path)

    monkeypatch.setattr(arrivals, "CHECK_S", 0.0)  # one between two looks
    monkeypatch.setattr(arrivals, "_can_be_read", can_be_read)
    put(watch_shot, watch_renders, *range(1, 13))
    watch(options(watch_renders, temporal=1, until_idle=0.001))
    assert len(done_before) == 12 and 0 < done_before[-1] < 12
    assert_as_denoised(watch_renders, range(1, 13), tmp_path, temporal=1)


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, *nightly(False)])
def test_renders_that_are_cleared_away_change_nothing(watch_shot, watch_renders, tmp_path, known):
    expected = tmp_path / "expected"
    inputs = tuple(str(watch_shot / "a" / file_of(number)) for number in (1, 2, 3, 4))
    denoise(DenoiseOptions(inputs, str(expected), "oidn-small", engine=ENGINE, temporal=1))
    put(watch_shot, watch_renders, 1, 2, 3)

    def clear():
        while not (tmp_path / "clean" / file_of(2)).exists():
            time.sleep(0.01)
        (watch_renders / file_of(1)).unlink()
        time.sleep(0.2)
        put(watch_shot, watch_renders, 4)

    clearing = threading.Thread(target=clear)
    clearing.start()
    watch(options(watch_renders, temporal=1, **({"frames": (1, 2, 3, 4)} if known else {"until_idle": 0.03})))
    clearing.join()
    for number in (1, 2, 3, 4):
        assert (tmp_path / "clean" / file_of(number)).read_bytes() == (expected / file_of(number)).read_bytes()


@pytest.mark.slow
def test_pairs_come_to_a_folder_of_their_own(watch_shot, watch_renders, tmp_path):
    other = tmp_path / "other seed"
    other.mkdir()
    put(watch_shot, watch_renders, 1, 2, 3)
    put(watch_shot, other, 1, seed="b")

    there = []

    def later():
        while not (tmp_path / "clean" / file_of(1)).exists():
            time.sleep(0.02)
        time.sleep(0.3)
        there.extend(path.name for path in (tmp_path / "clean").glob("*.exr"))
        put(watch_shot, other, 2, 3, seed="b")

    coming = threading.Thread(target=later)
    coming.start()
    watch(options(watch_renders, pairs=(str(other),), frames=(1, 2, 3)))
    coming.join()
    assert there == [file_of(1)]  # the others waited for theirs
    assert_as_denoised(watch_renders, (1, 2, 3), tmp_path, pairs=(str(other),))


@pytest.mark.slow
def test_every_sequence_of_a_folder_is_waited_for(watch_shot, watch_renders):
    for name, numbers in (("f", (1, 2, 3)), ("g", (1, 2))):
        for number in numbers:
            shutil.copy(watch_shot / "a" / f"f_{number:04}.exr", watch_renders / f"{name}_{number:04}.exr")
    with pytest.raises(N2NError, match="3"):
        watch(options(watch_renders, frames=(1, 2, 3), until_idle=0.02))
    shutil.copy(watch_shot / "a" / "f_0003.exr", watch_renders / "g_0003.exr")
    watch(options(watch_renders, frames=(1, 2, 3), until_idle=5.0))
    assert len(list((watch_renders.parent / "clean").glob("*.exr"))) == 6
