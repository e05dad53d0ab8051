"""Tiny runs of each part: `RUNS`, which together execute every line of it, and `TOLERANCE`.

Each file is called like the part that it runs. A number may differ from the kept one by TOLERANCE
times the greatest of its list: float32 products round differently on other processors.
"""
