#!/bin/bash
# Pictures of the extension's panel before and after a real click on Denoise, on a virtual screen:
#   screenshots.sh RUN_GUI_SH ZIP OUT_FOLDER [SUITE ...]
# RUN_GUI_SH SCRIPT.py OUT.png starts Blender with a window on a virtual screen, runs SCRIPT.py in it, and ends it when the
# file $GUI_READY is there; SUITE is its GUI_SUITE, one for each Blender (sid trixie). It must have xdotool and ImageMagick.
# ZIP is what blender_addon/build.py made for the Pythons of these Blenders. No path may have a space in it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); repository=$(cd "$here/../../.." && pwd)
run=$(realpath "$1"); zip=$(realpath "$2"); out=$(realpath -m "$3"); shift 3
mkdir -p "$out"
failed=0
[ $# -gt 0 ] || set -- sid trixie
for suite in "$@"; do
  GUI_SUITE=$suite GUI_TIMEOUT=600 GUI_BIND="$repository:$(dirname "$zip"):$out" \
    GUI_ENV="BLENDER_USER_RESOURCES=/tmp/blender N2N_ZIP=$zip N2N_SHOTS=$out" "$run" "$here/tour.py" "$out/$suite.png"
  rm "$out/$suite.png"  # how it ended; the pictures have names of their own
  grep -q "^tour: done" "$out/$suite.log" || { echo "$suite: see $out/$suite.log"; failed=1; }
done
exit $failed
