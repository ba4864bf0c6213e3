"""Campaigns of hostile input: strangers' files, kills and failing disks, by the hundred thousand.

Every campaign is seeded and counts outcomes. A fault is anything but the right answer or one
sentence of ours; `python -m research.campaigns NAME` ends with exit code 1 if there is one.
"""
