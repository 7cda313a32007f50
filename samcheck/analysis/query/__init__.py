"""SQL queries over any number of results; only new and changed ones are read.

results/ → index (Parquet in the cache folder, kept up to date) → DuckDB, which sees nothing else → an answer.
"""
