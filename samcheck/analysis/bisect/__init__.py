"""The first value of an axis with which a check goes another way.

values (facts → cells) → search (what to try next) → observing (what a result says) are pure; `hunt` goes on
until the search is over, `trying` runs one check in one cell, `noted` keeps what was seen on disk.
"""
