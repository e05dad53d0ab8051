"""A dataset that breaks while it is read."""

from stranger.tiny import Tiny


class Faulty(Tiny):
    def split(self, fold):
        raise RuntimeError("a stranger's reader broke")
