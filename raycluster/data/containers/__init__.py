"""Files with many images in them: Parquet, tar, NPZ and IDX. ``container_rows`` counts what each of them holds."""
