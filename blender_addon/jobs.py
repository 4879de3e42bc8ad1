"""Work as a generator → a modal operator that leaves the interface free, or a loop where there is none.

`work` yields (share, text), or None when there is nothing new, and is closed when the artist presses Esc or Cancel.
"""
import time

import bpy

from .errors import Problem

TICK_S = 0.05

_running = {"operator": None}
status = {"title": "", "share": 0.0, "text": "", "started": 0.0}


def is_running() -> bool:
    return _running["operator"] is not None


def cancel():
    """Asks the job in hand to end; it does so within a tick."""
    if is_running():
        _running["operator"].wants_to_end = True


def time_left() -> str:
    """"1:05 left", or nothing when it cannot be told yet."""
    share, passed = status["share"], time.monotonic() - status["started"]
    if share < 0.02 or passed < 2.0:
        return ""
    left = round(passed / share * (1.0 - share))
    return f"{left // 60}:{left % 60:02} left"


class Job:
    """Mix-in for operators: they have `title` and `work(context)`."""
    title = ""
    wants_to_end = False

    @classmethod
    def poll(cls, context):
        if is_running():
            cls.poll_message_set("Something of N2N Denoise is running; wait for it, or cancel it")
        return not is_running()

    def execute(self, context):
        """To the end, for scripts and background renders. Ctrl-C cancels."""
        steps = self._begin(context)
        try:
            while self._step(steps) is None:
                time.sleep(TICK_S / 5)
            return self._end(context)
        except KeyboardInterrupt:
            steps.close()
            self._failed = True
            self.report({"ERROR"}, "Cancelled")
            return self._end(context)

    def invoke(self, context, event):
        if bpy.app.background:
            return self.execute(context)
        self._steps = self._begin(context)
        self._timer = context.window_manager.event_timer_add(TICK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC" and event.value == "PRESS" or self.wants_to_end:
            self._steps.close()
            self._failed = True
            self.report({"WARNING"}, f"{self.title}: cancelled")
            return self._end(context)
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._step(self._steps) is None:
            redraw(context)
            return {"RUNNING_MODAL"}
        return self._end(context)

    def cancel(self, context):
        """Blender ends the operator: another file is opened, or the window closes."""
        self._steps.close()
        self._failed = True
        self._end(context)

    def _begin(self, context):
        _running["operator"], self._failed, self._timer = self, False, None
        status.update(title=self.title, share=0.0, text="", started=time.monotonic())
        return self.work(context)

    def _step(self, steps):
        """None while there is more to come."""
        try:
            found = next(steps)
        except StopIteration:
            return True
        except Problem as problem:
            self._failed = True
            self.report({"ERROR"}, str(problem))
            return True
        except OSError as error:
            self._failed = True
            self.report({"ERROR"}, f"{error.filename or 'A file'} cannot be written or read ({error.strerror}). "
                                   "Check that the folder is writable and the disk is not full")
            return True
        if found is not None:
            status["share"], status["text"] = found
        return None

    def _end(self, context):
        _running["operator"] = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        redraw(context)
        return {"CANCELLED" if self._failed else "FINISHED"}


def redraw(context):
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"PROPERTIES", "IMAGE_EDITOR"}:
                area.tag_redraw()
