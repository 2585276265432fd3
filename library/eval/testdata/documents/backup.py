"""Nightly backup of the studio's shares.

Snapshots are hard-linked to the night before, so that an unchanged file takes
no room. Run from cron at 02:30 by the user `backup`.
"""

import hashlib
import os
import shutil
import sys
from datetime import date, timedelta

SOURCE = "/studio"
TARGET = "/mnt/vault/studio"
KEEP_DAILY = 14
KEEP_WEEKLY = 9
MIN_FREE = 400 * 1024**3  # stop before the disk is full
SKIP_SUFFIXES = (".tmp", ".part", "~", ".lrprev")


class NotEnoughSpace(Exception):
    """The target has less room than MIN_FREE. Nothing was written."""


def digest(path):
    """Return the BLAKE2b digest of a file, read in pieces of one mebibyte."""
    h = hashlib.blake2b(digest_size=20)
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


def same(old, new):
    """Tell whether two files are equal by size and time; content is compared
    only on the first Sunday of a month, because it takes five hours."""
    a, b = os.stat(old), os.stat(new)
    if a.st_size != b.st_size or abs(a.st_mtime - b.st_mtime) > 2:
        return False
    today = date.today()
    if today.weekday() == 6 and today.day <= 7:
        return digest(old) == digest(new)
    return True


def check_space():
    free = shutil.disk_usage(TARGET).free
    if free < MIN_FREE:
        raise NotEnoughSpace(f"{free >> 30} GiB left on {TARGET}")


def expired(today, snapshots):
    """Yield the snapshots to remove: all but the last KEEP_DAILY days and, before
    these, the Mondays of KEEP_WEEKLY weeks. The first of a year is never removed."""
    for s in snapshots:
        age = (today - s).days
        if age <= KEEP_DAILY or s.month == 1 and s.day == 1:
            continue
        if s.weekday() == 0 and age <= KEEP_DAILY + 7 * KEEP_WEEKLY:
            continue
        yield s


def main():
    check_space()
    # The copy is made under a name with a dot in front and renamed at the end:
    # a snapshot that was cut short is never mistaken for a whole one.
    name = date.today().isoformat()
    partial = os.path.join(TARGET, "." + name)
    copy_tree(SOURCE, partial, previous(TARGET))
    os.rename(partial, os.path.join(TARGET, name))


if __name__ == "__main__":
    try:
        main()
    except NotEnoughSpace as e:
        print(e, file=sys.stderr)
        sys.exit(75)
