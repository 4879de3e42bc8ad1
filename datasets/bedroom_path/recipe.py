"""engineer_bedroom/bedroom.blend → the same room with a moving camera: 24 frames of a dolly past the desk, eased.

The scene is by Mark Raynsford (io7m), CC-BY-4.0: https://github.com/io7m-com/com.io7m.visual.engineer_sleep

    python datasets/bedroom_path/recipe.py bedroom.blend bedroom_path.blend
    n2n-render sample --scene bedroom_path.blend --frames 1-24 --spp 8 --size 384x216 --reference-spp 256 \
        --reference-frames 2,3,12,13,22,23

References come in pairs of neighbouring frames, so that `evaluate` can tell how much a picture flickers.
"""

import sys

import bpy
from mathutils import Matrix, Vector

FRAMES = 24
SIDEWAYS = 0.5  # m, along the authored camera's x axis, half to each side
FORWARD = 0.3  # m
TURN = 0.25  # rad, about the vertical: it keeps looking at the desk


def main(source, target):
    bpy.ops.wm.open_mainfile(filepath=source, load_ui=False, use_scripts=False)
    scene = bpy.context.scene
    pose = scene.camera.matrix_world.copy()
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.camera.rotation_mode = "QUATERNION"
    for frame in range(1, FRAMES + 1):
        way = (frame - 1) / (FRAMES - 1)
        way = way * way * (3 - 2 * way)
        move = Vector(((way - 0.5) * SIDEWAYS, 0, -way * FORWARD))
        turn = Matrix.Rotation((way - 0.5) * TURN, 4, "Z")
        position = pose.translation + pose.to_3x3() @ move
        scene.camera.matrix_world = Matrix.Translation(position) @ turn @ pose.to_3x3().to_4x4()
        scene.camera.keyframe_insert("location", frame=frame)
        scene.camera.keyframe_insert("rotation_quaternion", frame=frame)
    bpy.ops.wm.save_as_mainfile(filepath=target, check_existing=False, relative_remap=True)


if __name__ == "__main__":
    main(*sys.argv[-2:])
