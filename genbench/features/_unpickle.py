"""A program of its own: the tensors of a torch file, from stdin to stdout as safetensors.

    python _unpickle.py < file.pth > weights.safetensors

Only tensors are unpickled (`weights_only`); it runs in a process that may die, and with nothing of
the project in it.
"""

from __future__ import annotations

import io
import sys

import torch
from safetensors.torch import save

if sys.platform != "win32":
    import resource


def main() -> None:
    """Writes the floating-point tensors of a state dict, by name."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    content = io.BytesIO(sys.stdin.buffer.read())
    state = torch.load(content, map_location="cpu", weights_only=True)
    kept = {name: part.contiguous() for name, part in state.items() if part.is_floating_point()}
    sys.stdout.buffer.write(save(kept))


if __name__ == "__main__":
    main()
