"""A package, so that no other `tests` that an oracle of ours installs is taken for it."""
