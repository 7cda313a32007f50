"""The half of samcheck that runs inside an environment, on Python 3.8 and newer.

Code in this folder imports nothing from the rest of samcheck, and needs only torch, NumPy, pytest and
segment-anything.
"""
