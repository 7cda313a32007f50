"""Questions in SQL over any number of results, of which only what is new or changed is read.

results/ → index (Parquet in the cache folder, kept up to date) → DuckDB, which sees nothing else → an answer.
"""
