"""Golden numbers: what each part gave when its revision was set, so that no change goes unseen.

A part is a model or metric of ours. `runs/` holds tiny runs of it, `numbers.jsonl` the numbers
that they gave. Where a part's numbers move, its `revision` must move too, since results are kept
under it. `python -m tests.golden NAME` appends the numbers of a revision that has none yet.
"""
