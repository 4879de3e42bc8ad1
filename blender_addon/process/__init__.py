"""What runs beside Blender and how it is asked. No bpy here."""
