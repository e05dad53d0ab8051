"""Files and folders that anyone may have made: the same rows from every format, or a clear no."""

import io
import json
import pickle
import random
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.numpy import save_file

from genbench.errors import DataError
from genbench.features.kept import Kept
from genbench.features.pixels import Pixels
from genbench.metrics import prdc
from genbench.metrics.parzen import blocks
from genbench.plugins import registry
from genbench.protocols import Split, needs
from genbench.samples import arrays, doubting, judging, pixels, reading

GREY = SimpleNamespace(shape=(1, 4, 4), range=(0.0, 1.0), levels=256, folds=1)
COLOUR = SimpleNamespace(shape=(3, 2, 4), range=(0.0, 1.0), levels=256, folds=1)
CONTINUOUS = SimpleNamespace(shape=(2,), range=(-float("inf"), float("inf")), levels=None, folds=1)
LEVELS = np.random.RandomState(0).randint(256, size=(9, 16)).astype(np.uint8)


def npy(folder: Path, array: np.ndarray) -> Path:
    path = folder / "made.npy"
    np.save(path, array)
    return path


def npz(folder: Path, **named: np.ndarray) -> Path:
    path = folder / "made.npz"
    np.savez_compressed(path, **named)
    return path


def tensors(folder: Path, **named: np.ndarray) -> Path:
    path = folder / "made.safetensors"
    save_file({name: np.ascontiguousarray(array) for name, array in named.items()}, path)
    return path


def pictures(folder: Path, array: np.ndarray) -> Path:
    """A folder of PNG files of uint8 (m, h, w) or (m, h, w, 3), called 00.png and on."""
    path = folder / "pictures"
    path.mkdir()
    for number, one in enumerate(array):
        Image.fromarray(one).save(path / f"{number:02}.png")
    return path


def png(width: int, height: int, depth: int = 8, colour: int = 0, more: bytes = b"") -> bytes:
    """A PNG by hand, whose pixels are all missing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + body + chunk(b"IEND", b"")


def grey(path: Path) -> reading.Samples:
    return reading.read(path, "grey", GREY)


# --- what can be read ---

FLOATS = (LEVELS / 255.0).astype(np.float32)
GOOD = {
    "uint8": lambda folder: npy(folder, LEVELS),
    "float16": lambda folder: npy(folder, FLOATS.astype(np.float16)),
    "float32": lambda folder: npy(folder, FLOATS),
    "float64": lambda folder: npy(folder, FLOATS.astype(np.float64)),
    "big-endian": lambda folder: npy(folder, FLOATS.astype(">f4")),
    "nearly on a level": lambda folder: npy(folder, np.clip(FLOATS + 0.0019, 0, 1)),
    "Fortran order": lambda folder: npy(folder, np.asfortranarray(FLOATS)),
    "Fortran bytes": lambda folder: npy(folder, np.asfortranarray(LEVELS)),
    "m, h, w": lambda folder: npy(folder, FLOATS.reshape(9, 4, 4)),
    "m, c, h, w": lambda folder: npy(folder, FLOATS.reshape(9, 1, 4, 4)),
    "m, h, w, c": lambda folder: npy(folder, FLOATS.reshape(9, 4, 4, 1)),
    "npz": lambda folder: npz(folder, anything=FLOATS),
    "npz in Fortran order": lambda folder: npz(folder, x=np.asfortranarray(LEVELS)),
    "one of several in a npz": lambda folder: npz(folder, labels=np.arange(9), samples=LEVELS),
    "safetensors": lambda folder: tensors(folder, anything=FLOATS),
    "uint8 safetensors": lambda folder: tensors(folder, x=LEVELS.reshape(9, 4, 4)),
    "one of several tensors": lambda folder: tensors(folder, a=LEVELS[:1], samples=FLOATS),
    "pictures": lambda folder: pictures(folder, LEVELS.reshape(9, 4, 4)),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_format_shape_and_type_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    found = grey(GOOD[name](tmp_path))
    np.testing.assert_array_equal(found.rows, LEVELS)
    assert found.rows.dtype == np.uint8
    assert found.rows.flags.c_contiguous
    assert not found.binary


@pytest.mark.parametrize("name", GOOD)
def test_rows_do_not_depend_on_the_size_of_a_block(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "BLOCK", 2)
    np.testing.assert_array_equal(grey(GOOD[name](tmp_path)).rows, LEVELS)


@pytest.mark.parametrize("form", ["c, h, w", "h, w, c", "pictures"])
def test_colours_are_flattened_channel_by_channel(form: str, tmp_path: Path) -> None:
    first = np.random.RandomState(1).randint(256, size=(5, 3, 2, 4)).astype(np.uint8)
    last = np.ascontiguousarray(first.transpose(0, 2, 3, 1))
    if form == "pictures":
        path = pictures(tmp_path, last)
    else:
        path = npy(tmp_path, first if form == "c, h, w" else last)
    rows = reading.read(path, "colour", COLOUR).rows
    np.testing.assert_array_equal(rows, first.reshape(5, -1))


def test_pictures_are_taken_in_the_order_of_their_names_and_hidden_files_left_out(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, value in (("b.png", 20), ("a.PNG", 10), ("c.png", 30)):
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(folder / name)
    (folder / ".DS_Store").write_bytes(b"noise")
    assert grey(folder).rows[:, 0].tolist() == [10, 20, 30]


def test_samples_of_continuous_data_are_not_rounded(tmp_path: Path) -> None:
    x = np.random.RandomState(0).standard_normal((7, 2))
    for array in (x, x.astype(np.float32), np.asfortranarray(x), x.astype(">f8")):
        found = reading.read(npy(tmp_path, array), "continuous", CONTINUOUS)
        as_scored = pixels.as_scored(torch.from_numpy(found.rows), None)
        torch.testing.assert_close(as_scored, torch.tensor(x, dtype=torch.float32), atol=0, rtol=0)


BINARY = LEVELS > 127


@pytest.mark.parametrize(
    "array",
    [BINARY, BINARY.astype(np.float32), BINARY.astype(np.uint8) * np.uint8(255), BINARY * 0.9999],
    ids=["bool", "float", "uint8", "rounded to it"],
)
def test_binary_samples_are_noticed_and_are_0_and_1(array: np.ndarray, tmp_path: Path) -> None:
    found = grey(npy(tmp_path, array))
    assert found.binary
    np.testing.assert_array_equal(found.rows, BINARY.astype(np.uint8) * 255)


# --- what cannot ---


class Bait:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def pickled(folder: Path) -> Path:
    return npy(folder, np.array([Bait(folder / "bitten")], dtype=object))


def bare_pickle(folder: Path, name: str = "made.npy") -> Path:
    path = folder / name
    path.write_bytes(pickle.dumps(Bait(folder / "bitten")))
    return path


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def cut(path: Path, bytes_left: int = -20) -> Path:
    path.write_bytes(path.read_bytes()[:bytes_left])
    return path


def header(shape: tuple, kind: str = "<f4") -> bytes:
    """The first bytes of a .npy, with nothing behind them."""
    file = io.BytesIO()
    about = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()


def bomb(folder: Path, shape: tuple, zeros: int, kind: str = "|u1", declared: int = 0) -> Path:
    """A .npz of some kilobytes with many zeros behind the header, and a lie about how many."""
    path = folder / "made.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("samples.npy", "w", force_zip64=True) as stream:
            stream.write(header(shape, kind))
            for _ in range(zeros // 2**20):
                stream.write(bytes(2**20))
            stream.write(bytes(zeros % 2**20))
        size = archive.getinfo("samples.npy").file_size
        if declared:
            archive.getinfo("samples.npy").file_size = len(header(shape, kind)) + declared
    assert size > zeros
    return path


def one_bad(value: float) -> np.ndarray:
    rows = FLOATS.copy()
    rows[5, 3] = value
    return rows


def beside(path: Path, name: str, content: bytes) -> Path:
    (path / name).write_bytes(content)
    return path


def several_sizes(folder: Path) -> Path:
    path = pictures(folder, LEVELS.reshape(9, 4, 4))
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(path / "05.png")
    return path


def deep(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "pictures" / "a.png")
    return folder / "pictures"


def text_bomb(folder: Path) -> Path:
    about = PngImagePlugin.PngInfo()
    about.add_text("a", "0" * 2**24, zip=True)
    (folder / "pictures").mkdir()
    Image.fromarray(LEVELS[0].reshape(4, 4)).save(folder / "pictures" / "a.png", pnginfo=about)
    return folder / "pictures"


def one_bit(folder: Path) -> Path:
    path = folder / "made.npz"
    np.savez(path, samples=LEVELS)
    raw = bytearray(path.read_bytes())
    raw[raw.index(LEVELS.tobytes()) + 50] ^= 1
    path.write_bytes(raw)
    return path


def lzma(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "made.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("samples.npy", header((9, 16), "|u1") + LEVELS.tobytes())
    return folder / "made.npz"


OTHER = Image.fromarray(np.full((4, 4), 9, np.uint8))


def saved(folder: Path, **how) -> Path:
    """A folder with one grey picture, saved so."""
    path = written(folder, "p/a.png", b"")
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(path, **how)
    return path.parent


BAD = {
    "missing": (lambda f: f / "made.npy", "is not there"),
    "another format": (lambda f: written(f, "made.pt", b"noise"), "samples come as .npy"),
    "a bare pickle": (lambda f: bare_pickle(f, "made.pkl"), "are never loaded"),
    "a pickle called npy": (bare_pickle, "holds no .npy array"),
    "a pickled array": (pickled, "which are never loaded"),
    "a pickled array in a npz": (
        lambda f: npz(f, samples=np.array([Bait(f / "bitten")], dtype=object)),
        "which are never loaded",
    ),
    "noise": (lambda f: written(f, "made.npy", random.Random(0).randbytes(500)), "no .npy array"),
    "noise npz": (lambda f: written(f, "made.npz", random.Random(0).randbytes(500)), "damaged"),
    "noise tensors": (lambda f: written(f, "made.safetensors", bytes(range(99))), "damaged"),
    "nothing": (lambda f: written(f, "made.npy", b""), "holds no .npy array"),
    "header only": (lambda f: written(f, "made.npy", header((9, 16))), "is cut off"),
    "endless header": (
        lambda f: written(f, "made.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{" + b" " * 70_000),
        "damaged",
    ),
    "nested header": (
        lambda f: written(f, "made.npy", b"\x93NUMPY\x01\x00\x00\x20" + b"-" * 8192),
        "damaged",
    ),
    "negative shape": (lambda f: written(f, "made.npy", header((-9, -16)) + bytes(576)), "holds"),
    "cut off": (lambda f: cut(npy(f, FLOATS)), "is cut off: (9, 16) of float32 take 576 bytes"),
    "cut off npz": (lambda f: cut(npz(f, x=FLOATS)), "damaged"),
    "one bit changed": (one_bit, "damaged"),
    "cut off tensors": (lambda f: cut(tensors(f, x=FLOATS)), "damaged"),
    "cut off picture": (
        lambda f: beside(
            p := pictures(f, LEVELS.reshape(9, 4, 4)), "03.png", (p / "03.png").read_bytes()[:50]
        ),
        "03.png",
    ),
    "two arrays in a row": (
        lambda f: written(f, "made.npy", npy(f, FLOATS).read_bytes() * 2),
        "holds more than its array",
    ),
    "several arrays": (lambda f: npz(f, a=FLOATS, b=FLOATS), "holds 2 arrays: a, b"),
    "several tensors": (lambda f: tensors(f, a=FLOATS, b=FLOATS), "holds 2 arrays: a, b"),
    "no array": (lambda f: npz(f), "holds 0 arrays"),
    "wrong d": (lambda f: npy(f, FLOATS[:, 1:]), "(9, 15); grey needs (m, 16) or (m, 1, 4, 4)"),
    "wrong picture": (lambda f: npy(f, FLOATS.reshape(9, 2, 8)), "(m, 4, 4) or (m, 4, 4, 1)"),
    "one row": (lambda f: npy(f, FLOATS[0]), "holds an array (16,)"),
    "a number": (lambda f: npy(f, np.float32(1)), "holds an array ()"),
    "empty": (lambda f: npy(f, FLOATS[:0]), "holds no sample"),
    "empty npz": (lambda f: npz(f, x=FLOATS[:0]), "holds no sample"),
    "empty tensors": (lambda f: tensors(f, x=FLOATS[:0]), "holds no sample"),
    "empty folder": (lambda f: (f / "none").mkdir() or f / "none", "is empty"),
    "NaN": (lambda f: npy(f, one_bad(np.nan)), "row 5 (counted from 0) holds nan"),
    "infinity": (lambda f: npz(f, x=one_bad(-np.inf)), "row 5 (counted from 0) holds -inf"),
    "below": (lambda f: tensors(f, x=one_bad(-0.01)), "-0.01, outside [0, 1]"),
    "above": (lambda f: npy(f, one_bad(1.001)), "1.001, outside [0, 1], the range of grey"),
    "symmetric": (lambda f: npy(f, FLOATS * 2 - 1), "(x + 1) / 2"),
    "up to 255": (lambda f: npy(f, FLOATS * 255), "x / 255"),
    "integers": (lambda f: npy(f, LEVELS.astype(np.int64)), "holds int64; samples of grey are"),
    "complex": (lambda f: npy(f, FLOATS.astype(np.complex64)), "holds complex64"),
    "text": (lambda f: npy(f, np.full((9, 16), "a")), "holds <U1"),
    "records": (lambda f: npy(f, np.zeros((9, 16), "f4,f4")), "samples of grey are"),
    "uint8 of 0 and 1": (lambda f: npy(f, BINARY.astype(np.uint8)), "only 0 and 1"),
    "declared zip bomb": (lambda f: bomb(f, (2**20, 16), 2**20 * 16, "<f8"), "is cut off"),
    "long zip bomb": (lambda f: bomb(f, (2**27, 16), 2**20, declared=2**31), "would unpack to"),
    "zip bomb that lies": (lambda f: bomb(f, (9, 16), 2**24, declared=144), "damaged"),
    "wide zip bomb": (lambda f: bomb(f, (1, 2**24), 2**24), "needs (m, 16)"),
    "odd compression": (lzma, "compressed in a way"),
    "huge picture": (
        lambda f: written(f, "p/a.png", png(60_000, 60_000)).parent,
        "(1, 60000, 60000, 1)",
    ),
    "empty picture": (lambda f: written(f, "p/a.png", png(4, 4)).parent, "a.png"),
    "text bomb": (text_bomb, "a.png"),
    "bloated picture": (
        lambda f: written(f, "p/a.png", png(4, 4) + bytes(2**21)).parent,
        "far larger",
    ),
    "several sizes": (several_sizes, "00.png is 4 x 4 in grey, 05.png is 5 x 4 in grey"),
    "a text among pictures": (
        lambda f: beside(pictures(f, LEVELS.reshape(9, 4, 4)), "notes.txt", b"x"),
        "holds 'notes.txt'",
    ),
    "a folder among pictures": (
        lambda f: written(pictures(f, LEVELS.reshape(9, 4, 4)) / "x.png", "y", b"").parents[1],
        "holds 'x.png'",
    ),
    "a JPEG called PNG": (
        lambda f: written(f, "p/a.png", b"\xff\xd8\xff\xe0" + bytes(200)).parent,
        "named like a PNG file and is none",
    ),
    "colours": (
        lambda f: pictures(f, np.zeros((2, 4, 4, 3), np.uint8)),
        "(2, 4, 4, 3) in colour; grey needs",
    ),
    "alpha": (lambda f: pictures(f, np.zeros((2, 4, 4, 4), np.uint8)), "RGBA; save 8 bits"),
    "16 bits": (deep, "has 16 bits"),
    "frames": (lambda f: saved(f, save_all=True, append_images=[OTHER]), "holds 2 frames"),
    "a transparent colour": (lambda f: saved(f, transparency=7), "has a transparent colour"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_samples_is_refused_and_the_reason_said(name: str, tmp_path: Path) -> None:
    make, hint = BAD[name]
    path = make(tmp_path)
    with pytest.raises(DataError) as refused:
        grey(path)
    assert hint in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "bitten").exists()


def test_the_bait_of_these_tests_would_be_noticed(tmp_path: Path) -> None:
    np.load(pickled(tmp_path), allow_pickle=True)
    assert (tmp_path / "bitten").exists()


def test_channels_that_may_come_first_or_last_are_refused(tmp_path: Path) -> None:
    cube = SimpleNamespace(shape=(3, 3, 3), range=(0.0, 1.0), levels=256, folds=1)
    with pytest.raises(DataError, match=r"first or last; cube needs \(m, 27\)"):
        reading.read(npy(tmp_path, np.zeros((2, 3, 3, 3), np.float32)), "cube", cube)
    assert len(reading.read(npy(tmp_path, np.zeros((2, 27))), "cube", cube).rows) == 2


def test_bytes_are_no_samples_of_continuous_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="continuous data: save floats"):
        reading.read(npy(tmp_path, LEVELS[:, :2]), "continuous", CONTINUOUS)


def peak(path: Path) -> int:
    """The most bytes that were allocated at once while a file was read or refused."""
    tracemalloc.start()
    try:
        grey(path)
    except DataError:
        pass
    finally:
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return size


@pytest.mark.parametrize("name", [name for name in BAD if "bomb" in name or "huge" in name])
def test_a_bomb_is_refused_before_it_takes_memory(name: str, tmp_path: Path) -> None:
    path = BAD[name][0](tmp_path)
    assert peak(path) < 2**22


def test_what_a_npz_may_unpack_to_is_limited(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz(tmp_path, x=LEVELS)
    monkeypatch.setattr(arrays, "MOST_UNPACKED", LEVELS.nbytes)
    grey(path)
    monkeypatch.setattr(arrays, "MOST_UNPACKED", LEVELS.nbytes - 1)
    with pytest.raises(DataError, match=r"save so many samples as \.npy"):
        grey(path)


# --- many rows ---

MANY = np.tile(LEVELS, (100_000, 1))  # 900,000 rows, 14 MB


def test_bytes_are_scored_where_they_lie_on_the_disk(tmp_path: Path) -> None:
    for path in (npy(tmp_path, MANY), tensors(tmp_path, x=MANY)):
        assert peak(path) < MANY.nbytes / 10


def test_floats_take_the_memory_of_bytes_only(tmp_path: Path) -> None:
    floats = (MANY / np.float32(255)).astype(np.float32)
    for path in (npy(tmp_path, floats), tensors(tmp_path, x=floats), npz(tmp_path, x=floats)):
        assert peak(path) < 1.4 * MANY.nbytes < floats.nbytes / 2


class Classed(Pixels):
    """The rows as they are, and ten classes: the first ten numbers are their logits."""

    def classify(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[:, :10]


def classed(fold: int, there: Split) -> Kept:
    return Kept(Classed(GREY.shape, Path()), "classed")


def of_brought_samples(name: str) -> bool:
    """Whether a metric takes samples, and does not ask which labels were asked for."""
    takes = needs(registry.load("metric", name))
    return "samples" in takes and "sample_labels" not in takes


@pytest.mark.parametrize("name", filter(of_brought_samples, registry.names("metric")))
def test_rows_that_are_converted_where_they_are_used_score_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every metric; with room for all rows, and for no more than the certificate takes."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(256, (20_000, 16), generator=generator).float() / 255
    split = Split(rows[:100], rows[100:200], rows[200:300])
    dataset = SimpleNamespace(**vars(GREY), split=lambda fold: split)
    kept = pixels.as_stored(rows[300:], dataset)
    counts, judged = judging.counted(kept, dataset, dataset.split), []
    for largest in (2**27, 2**18):
        monkeypatch.setattr(pixels, "LARGEST", largest)
        monkeypatch.setattr(prdc, "_LAST", {})  # so that it counts anew
        metric = judging.metric_with(name, {})
        on = (metric, torch.device("cpu"), counts, classed)
        judged.append(judging.judge("x", kept, False, dataset, dataset.split, *on))
        given = judging.as_given(kept, dataset, torch.device("cpu"))
        assert isinstance(given, pixels.Deferred) == (largest < 2**27)
    one, other = (replace(each, per_example=(), seconds=0.0) for each in judged)
    assert one == other
    for single, of_deferred in zip(*(each.per_example for each in judged), strict=True):
        assert np.array_equal(single, of_deferred)
    monkeypatch.setattr(prdc, "_LAST", {})
    given = judging.Given(split, rows[300:], features=classed(0, split))
    plain = judging.score("x", metric, given, ("file", "x", 0, "score", 0))
    assert judged[0].folds[0].value == plain.value
    assert judged[0].folds[0].notes == plain.notes


def test_more_than_there_is_room_for_is_never_converted_at_once(monkeypatch) -> None:
    monkeypatch.setattr(pixels, "LARGEST", 4 * LEVELS.shape[1])
    rows = pixels.Deferred(torch.from_numpy(LEVELS), 256)
    whole = (
        lambda: rows.mean(dim=0),
        lambda: torch.cdist(torch.ones(1, rows.shape[1]), rows),
        lambda: rows.clone(),
        lambda: torch.cat([rows, rows]),
        lambda: rows.sort(),
    )
    for compute in whole:
        with pytest.raises(TypeError, match=r"work on parts, such as those of rows.split\(4096\)"):
            compute()
    assert len(torch.cat([part * 2 for part in rows[:4].split(2)])) == 4


def test_distances_to_single_deferred_rows_are_those_to_plain_ones() -> None:
    stored, x = torch.from_numpy(LEVELS), torch.rand(3, LEVELS.shape[1])
    pair = torch.tensor([0, 1, 2, 2]), torch.tensor([4, 4, 0, 7])
    found = blocks._sq_dist(x, pixels.Deferred(stored, 256), *pair, torch.float32)
    wanted = (stored[pair[1]].double() / 255 - x[pair[0]].double()).square().sum(dim=1)
    assert torch.allclose(found, wanted, rtol=1e-5)


def test_rows_of_a_dataset_that_are_deferred_are_what_they_say(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", LEVELS)
    for stored in (LEVELS, np.load(tmp_path / "rows.npy", mmap_mode="r")):
        rows = pixels.deferred(stored, 256)
        assert torch.equal(rows[:3], torch.from_numpy(LEVELS)[:3].float() / 255)
        assert np.array_equal(pixels.as_stored(rows, GREY), LEVELS)
    floats = LEVELS.astype(np.float32)
    assert torch.equal(pixels.deferred(floats)[1:], torch.from_numpy(floats)[1:])
    for wrong in (floats, LEVELS.astype(np.int64), LEVELS[0]):
        with pytest.raises(TypeError, match=r"\(n, d\) of uint8, got"):
            pixels.deferred(wrong, 256)


def test_deferred_rows_stay_so_on_another_device() -> None:
    rows = pixels.Deferred(torch.from_numpy(LEVELS), 256)
    there = rows.to("meta")
    assert isinstance(there, pixels.Deferred)
    assert (there.device.type, there.stored.dtype) == ("meta", torch.uint8)
    assert not isinstance(rows.to("meta", torch.float64), pixels.Deferred)


def test_writing_into_deferred_rows_is_refused_as_it_would_be_lost() -> None:
    rows = pixels.Deferred(torch.from_numpy(LEVELS), 256)
    writes = (
        lambda: rows.sub_(1),
        lambda: rows.copy_(torch.zeros(rows.shape)),
        lambda: torch.add(torch.ones(rows.shape), 1, out=rows),
    )
    for write in writes:
        with pytest.raises(TypeError, match="the change would be lost"):
            write()
    assert torch.equal(rows.clone().sub_(1), torch.from_numpy(LEVELS).float() / 255 - 1)


def test_a_deferred_tensor_is_a_float32_tensor_for_whoever_computes_with_it() -> None:
    stored = torch.from_numpy(LEVELS)
    rows, plain = pixels.Deferred(stored, 256), stored.float() / 255
    assert (rows.dtype, rows.shape, rows.device) == (plain.dtype, plain.shape, plain.device)
    for part in (rows[2:7], rows[::2], rows[torch.tensor([3, 1])], rows[:, 4:], *rows.split(4)):
        assert isinstance(part, pixels.Deferred)  # nothing is converted yet
    for compute in (
        lambda x: x.double().sum(dim=0),
        lambda x: x[2:7] - 1,
        lambda x: torch.cat([part * 2 for part in x.split(4)]),
        lambda x: torch.cdist(x[:3], x[torch.tensor([5, 0])]),
        lambda x: torch.cat([x[:2], x[5:]]),
        lambda x: x.T @ x,
        lambda x: x.contiguous().to(torch.float64),
    ):
        assert torch.equal(compute(rows), compute(plain))
        assert not isinstance(compute(rows), pixels.Deferred)


# --- damage of any kind ---


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors", "pictures"])
def test_random_damage_is_a_clear_refusal_or_none(kind: str, tmp_path: Path) -> None:
    make = {"npy": "float32", "npz": "npz", "safetensors": "safetensors", "pictures": "pictures"}
    path = GOOD[make[kind]](tmp_path)
    target = path / "03.png" if path.is_dir() else path
    whole, chance, refused = target.read_bytes(), random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 3])):
            damaged[chance.randrange(min(len(damaged), 400))] = chance.randrange(256)
        target.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
        try:
            assert grey(path).rows.shape[1] == 16
        except DataError:
            refused += 1
    assert refused > 100


def test_a_header_of_safetensors_that_points_outside_is_refused(tmp_path: Path) -> None:
    about = {"x": {"dtype": "U8", "shape": [9, 16], "data_offsets": [0, 2**40]}}
    text = json.dumps(about).encode()
    path = written(tmp_path, "made.safetensors", struct.pack("<Q", len(text)) + text + bytes(144))
    with pytest.raises(DataError, match="damaged"):
        grey(path)


# --- samples beside the data's own spread ---


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.nextafter(np.float32(1), np.float32(2)), r"holds 1\.0000001, .*x\.clip\(0, 1\) does"),
        (np.float32(-1e-9), r"holds -1e-09, .*x\.clip\(0, 1\) does"),
        (np.float32(-0.5), r"\(x \+ 1\) / 2 may be"),
        (np.float32(200), "x / 255 may be"),
        (np.float32(1.7), r"holds 1\.7, outside \[0, 1\], the range of grey$"),
    ],
)
def test_a_value_out_of_range_is_shown_in_full_with_a_hint_that_would_help(
    value: np.float32, says: str, tmp_path: Path
) -> None:
    rows = np.full((3, 16), 0.5, np.float32)
    rows[1, 2] = value
    with pytest.raises(DataError, match=says):
        reading.read(npy(tmp_path, rows), "grey", GREY)


def test_black_samples_are_no_binary_ones(tmp_path: Path) -> None:
    assert not reading.read(npy(tmp_path, np.zeros((5, 16), np.float32)), "grey", GREY).binary
    assert reading.read(npy(tmp_path, np.eye(16, dtype=np.float32)), "grey", GREY).binary


TEST_ROWS = torch.linspace(0, 1, 160).reshape(10, 16)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (torch.zeros(4, 16), "every value is 0"),
        (torch.full((4, 16), 0.5), "every value is 0.5"),
        (TEST_ROWS[:1].expand(4, 16), "one and the same row"),
        (torch.rand(4, 1).expand(4, 16), "every sample is of one value throughout"),
        (TEST_ROWS / 255, "divided by 255 twice"),
        (0.5 + TEST_ROWS / 100, "have a standard deviation of 0.0029, test rows one of 0.29"),
    ],
)
def test_samples_that_hardly_vary_are_doubted(samples: torch.Tensor, says: str) -> None:
    assert says in doubting.doubts(samples, TEST_ROWS)[0]


def test_samples_that_vary_as_the_data_do_are_not_doubted() -> None:
    assert doubting.doubts(TEST_ROWS.flip(0), TEST_ROWS) == []
    assert doubting.doubts(TEST_ROWS * 0.2, TEST_ROWS) == []


def test_dark_and_light_exchanged_are_doubted_only_where_the_data_are_mostly_one() -> None:
    dark = TEST_ROWS**8
    (said,) = doubting.doubts(1 - dark, dark)
    assert said.endswith("is 1 - x what you mean?")
    assert doubting.doubts(dark, dark) == []
    assert doubting.doubts(TEST_ROWS, dark) == []


def test_a_single_sample_is_not_called_all_one_row() -> None:
    assert doubting.doubts(torch.linspace(0, 1, 16)[None], TEST_ROWS) == []
