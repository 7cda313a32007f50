"""The half of samcheck that runs inside an environment, on Python 3.8 and newer.

Nothing in this folder imports samcheck from outside it, and nothing but torch, NumPy, pytest and
segment-anything is needed to run it.
"""
