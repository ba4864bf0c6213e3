"""Folders of arrays: written all or nothing, checked when they are read, of a known version."""
