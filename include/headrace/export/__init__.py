"""A public mart as files: Parquet and CSV of one statement's rows, published together or not at all."""
