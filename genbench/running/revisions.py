"""The revisions of what this room does to a number; raised when the numbers would change.

TRAINING: seeds before each epoch, the rows that are carved off, the choice of the epoch.
DRAWING: seeds before sampling, tuning, and how rows are rounded to be kept (`as_stored`).
SCORING: seeds before scoring, and the way from stored rows to a score (`as_scored`).

They are read from this file, as a part's revision is from its own, and held by golden numbers.
"""

TRAINING = 1
DRAWING = 1
SCORING = 1
