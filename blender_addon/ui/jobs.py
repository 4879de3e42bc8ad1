"""Work as a generator → a modal operator that leaves the interface free, or a loop where there is none.

`work` yields (share of the part in hand, text), or None when there is nothing new, and is closed when the artist presses Esc or
Cancel. Work of several parts says so first (`plan`), and which one it is at (`enter`): the countdown is of all of them.
"""

import contextlib
import signal
import time
import traceback

import bpy

from ..process.countdown import Countdown, Part
from ..process.errors import Problem

TICK_S = 0.05
BUSY_S = 0.02  # of a tick: steps are taken one after the other as long as there is something new
REDRAW_S = 0.2

IDLE = {"running": False, "wants_to_end": False, "blocking": False, "title": "", "text": "", "countdown": Countdown([Part("")])}
status, warnings = dict(IDLE), []
_steps = []  # of the job in hand
SETTLED_S = 1.0  # after a job Blender has seen all that it has changed
_ended = {"at": 0.0}


def is_running() -> bool:
    return status["running"]


def is_settling() -> bool:
    """Whether a job runs, or has just run."""
    return is_running() or time.monotonic() < _ended["at"] + SETTLED_S


def cancel():
    """Asks the job in hand to end; it does so within a tick."""
    status["wants_to_end"] = True


def each(steps, change):
    """A generator: change(what `steps` yields), one after the other; returns what `steps` returns."""
    with contextlib.closing(steps):
        while True:
            try:
                found = next(steps)
            except StopIteration as stop:
                return stop.value
            yield change(found)


def warn(sentence: str):
    """Reported with the job's end, once."""
    if sentence not in warnings:
        warnings.append(sentence)


def stop():
    """Closes the job in hand without its operator: the add-on is disabled."""
    while _steps:
        _close(_steps.pop())
    status.update(IDLE)


def _close(steps):
    try:
        steps.close()
    except Exception:  # whatever goes wrong at the end of a job must not leave the interface waiting for ever
        traceback.print_exc()


def plan(parts: list[Part]):
    """What the job in hand will do, in order, and how long that should take."""
    status["countdown"] = Countdown(parts)


def enter(index: int):
    """The job in hand is at this part now."""
    status["countdown"].enter(index)


def share() -> float:
    """Of all of the job in hand."""
    return status["countdown"].whole()


def headline() -> str:
    """ "Learning the shot: second render, 1:05 left"."""
    countdown = status["countdown"]
    part = countdown.part.title if len(countdown.parts) > 1 else ""
    words = ", ".join(words for words in (part or status["title"], countdown.words()) if words)
    return words[:1].upper() + words[1:]


class Job:
    """Mix-in for operators: they have `title` and `work(context)`."""

    title = ""

    @classmethod
    def poll(cls, context):
        if is_running():
            cls.poll_message_set("Shot Denoise is at work; wait for it, or cancel it")
        return not is_running()

    def execute(self, context):
        """To the end, for scripts and background renders. Ctrl-C cancels, once a frame that is being rendered is done."""
        self._begin(context, blocking=True)
        before = signal.signal(signal.SIGINT, lambda *_: cancel()) or signal.SIG_DFL  # Blender's own is deaf between renders
        try:
            while not self._is_done():
                time.sleep(TICK_S / 5)
                if status["wants_to_end"]:
                    self._fail({"ERROR"}, f"{self.title}: cancelled")
                    break
        finally:
            signal.signal(signal.SIGINT, before)
        return self._end(context)

    def invoke(self, context, event):
        if bpy.app.background:
            return self.execute(context)
        self._begin(context)
        self._timer = context.window_manager.event_timer_add(TICK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC" and event.value == "PRESS":
            status["wants_to_end"] = True
        if status["wants_to_end"] and not bpy.app.is_job_running("RENDER"):  # what is being rendered must not go away
            self._fail({"WARNING"}, f"{self.title}: cancelled")
            return self._end(context)
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if status["wants_to_end"]:
            status["text"] = "ends with the frame that is being rendered"
        elif self._is_done():
            return self._end(context)
        if time.monotonic() > self._redrawn + REDRAW_S:
            self._redrawn = time.monotonic()
            redraw(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context):
        """Blender ends the operator: another file is opened, or the window closes."""
        self._failed = True
        self._end(context)

    def _begin(self, context, blocking=False):
        self._failed, self._timer, self._redrawn = False, None, 0.0
        warnings.clear()
        status.update(IDLE, running=True, blocking=blocking, title=self.title, countdown=Countdown([Part(self.title)]))
        _steps.append(self.work(context))

    def _is_done(self) -> bool:
        """As far as it goes now without waiting."""
        until = time.monotonic() + BUSY_S
        try:
            while (found := next(_steps[-1])) is not None:
                status["countdown"].reach(found[0])
                status["text"] = found[1]
                if time.monotonic() > until:
                    break
        except StopIteration:
            return True
        except Problem as problem:
            return self._fail({"ERROR"}, str(problem))
        except OSError as error:
            return self._fail(
                {"ERROR"},
                f"{error.filename or 'A file'} cannot be written or read ({error.strerror or error}). "
                "Check that the folder is writable and the disk is not full",
            )
        except Exception as error:  # a mistake of ours must not leave the interface waiting for ever
            traceback.print_exc()
            return self._fail({"ERROR"}, f"Unexpected {type(error).__name__}: {error}. Please report this")
        return False

    def _fail(self, level, sentence) -> bool:
        self._failed = True
        self.report(level, sentence)
        return True

    def _end(self, context):
        stop()
        _ended["at"] = time.monotonic()
        for sentence in warnings:
            self.report({"WARNING"}, sentence)
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        redraw(context)
        return {"CANCELLED" if self._failed else "FINISHED"}


def redraw(context):
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if area.type == "PROPERTIES" or (area.type == "IMAGE_EDITOR" and region.type == "HEADER"):
                    region.tag_redraw()
