"""Analysis of stored results: comparing, searching, explaining."""
