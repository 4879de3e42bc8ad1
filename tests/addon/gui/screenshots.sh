#!/bin/bash
# Walks through the extension with real clicks, on a virtual screen, and takes pictures on the way:
#   screenshots.sh RUN_GUI_SH ZIP OUT_FOLDER [SUITE ...]
# RUN_GUI_SH SCRIPT.py OUT.png starts Blender with a window on a virtual screen, runs SCRIPT.py in it, and ends it when the
# file $GUI_READY is there; SUITE is its GUI_SUITE, one for each Blender (sid trixie). It must have xdotool and ImageMagick.
# ZIP is what blender_addon/build.py made for the Pythons of these Blenders. No path may have a space in it.
# Environment: WALK, the walk beside this file (tour); N2N_PROGRAM, an installed n2n-render that these Blenders can run, for
# what needs one; GUI_BIND, folders that RUN_GUI_SH must show to Blender for that.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); repository=$(cd "$here/../../.." && pwd)
run=$(realpath "$1"); zip=$(realpath "$2"); out=$(realpath -m "$3"); shift 3
walk=${WALK:-tour}
mkdir -p "$out"
failed=0
[ $# -gt 0 ] || set -- sid trixie
for suite in "$@"; do
  GUI_SUITE=$suite GUI_TIMEOUT=${GUI_TIMEOUT:-1200} GUI_BIND="$repository:$(dirname "$zip"):$out:${GUI_BIND:-}" \
    GUI_ENV="BLENDER_USER_RESOURCES=/tmp/blender N2N_ZIP=$zip N2N_SHOTS=$out N2N_PROGRAM=${N2N_PROGRAM:-}" \
    "$run" "$here/$walk.py" "$out/$walk-$suite.png"
  rm "$out/$walk-$suite.png"  # how it ended; the pictures have names of their own
  grep "^walk: " "$out/$walk-$suite.log" || true
  grep -q "^walk: done" "$out/$walk-$suite.log" || { echo "$suite: see $out/$walk-$suite.log"; failed=1; }
done
exit $failed
