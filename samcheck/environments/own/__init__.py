"""Environments of the user's own: an image, a lock file, an interpreter, and upgrades on top of them.

A matrix declares them (`declaration`); each becomes a cell whose contents are read, not prescribed. What the
suite needs and they lack is brought in from outside (`brought`): nothing is installed into them.
"""
