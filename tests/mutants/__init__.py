"""Mutation tests of the modules that decide: mutmut changes them, one place at a time; does a test fail?

The modules and their tests are in pyproject.toml, under ``tool.mutmut``.
"""
