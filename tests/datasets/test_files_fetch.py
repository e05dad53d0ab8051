"""Files come whole and checked, or not at all: downloads, imports, and what `verify` says."""

from __future__ import annotations

import gzip
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tiny_datasets import (
    BATCHES,
    TinyCIFAR10,
    TinyMNIST,
    cifar10_files,
    mnist_files,
    published,
    tar_gz,
    write_files,
)

from genbench.datasets import _files, _stored
from genbench.datasets.mnist5k import MNIST5k
from genbench.datasets.ring import Ring
from genbench.datasets.tfd import TFD
from genbench.errors import DataError, StoreError, UsageError

NAMES = [file.name for file in TinyMNIST.files]
IMAGES = NAMES[0]


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; below /short/ it promises more bytes than it sends."""

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        if not self.path.startswith("/short/"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(gzip.compress(mnist_files()[IMAGES])[:300])
        return None


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """The address of a server on this machine, and the folder that it serves."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()
        thread.join()


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def written(data_dir):
    return sorted(path.name for path in data_dir.rglob("*") if path.is_file())


def test_fetch_stores_the_raw_files_of_a_good_mirror(mirror, data_dir):
    url, folder = mirror
    write_files(folder, mnist_files(), packed=True)
    dataset = published(mnist_files(), (url,))
    paths = _files.fetch(dataset, data_dir)
    assert [path.read_bytes() for path in paths] == [mnist_files()[name] for name in NAMES]
    assert dataset(data_dir).caveat == ""


def test_fetch_tells_how_many_bytes_have_come(mirror, data_dir):
    url, folder = mirror
    write_files(folder, mnist_files(), packed=True)
    heard = []
    _files.fetch(published(mnist_files(), (url,)), data_dir, lambda *news: heard.append(news))
    assert heard[0] == (IMAGES, len(gzip.compress(mnist_files()[IMAGES])))


def test_fetch_asks_for_nothing_that_is_there(mirror, data_dir):
    url, folder = mirror
    write_files(folder, mnist_files(), packed=True)
    write_files(data_dir / "mnist", {IMAGES: mnist_files()[IMAGES]}, packed=True)
    paths = _files.fetch(published(mnist_files(), (url,)), data_dir)
    assert [path.name for path in paths] == NAMES[1:]


def test_fetch_goes_on_to_the_next_mirror_after_a_404(mirror, data_dir):
    url, folder = mirror
    write_files(folder / "second", mnist_files(), packed=True)
    dataset = published(mnist_files(), (f"{url}first/", f"{url}second/"))
    assert len(_files.fetch(dataset, data_dir)) == 4


def test_fetch_goes_on_to_the_next_mirror_after_a_transfer_that_broke_off(mirror, data_dir):
    url, folder = mirror
    write_files(folder, mnist_files(), packed=True)
    dataset = published(mnist_files(), (f"{url}short/", url))
    assert len(_files.fetch(dataset, data_dir)) == 4


def test_fetch_goes_on_to_the_next_mirror_after_a_refused_connection(mirror, data_dir):
    url, folder = mirror
    write_files(folder, mnist_files(), packed=True)
    dataset = published(mnist_files(), ("http://127.0.0.1:9/", url))
    assert len(_files.fetch(dataset, data_dir)) == 4


def test_bytes_with_another_sha256_are_never_stored(mirror, data_dir):
    url, folder = mirror
    write_files(folder, mnist_files(seed=1), packed=True)
    with pytest.raises(DataError, match="gave other bytes, sha256"):
        _files.fetch(published(mnist_files(), (url,)), data_dir)
    assert written(data_dir) == []


@pytest.mark.parametrize("mirrored", ["short/", "nowhere/"])
def test_a_failed_fetch_names_the_mirror_and_leaves_nothing_behind(mirror, data_dir, mirrored):
    url, _ = mirror
    with pytest.raises(DataError, match=f"no mirror gave {IMAGES} of mnist") as caught:
        _files.fetch(published(mnist_files(), (url + mirrored,)), data_dir)
    assert f"{url}{mirrored}{IMAGES}.gz" in str(caught.value)
    assert "genbench data import mnist PATH" in str(caught.value)
    assert written(data_dir) == []


def test_a_failed_fetch_leaves_the_file_that_was_there(mirror, data_dir):
    url, _ = mirror
    write_files(data_dir / "mnist", mnist_files(seed=1))
    with pytest.raises(DataError):
        _files.fetch(published(mnist_files(), (f"{url}nowhere/",)), data_dir)
    assert (data_dir / "mnist" / IMAGES).read_bytes() == mnist_files(seed=1)[IMAGES]


def test_a_mirror_that_sends_without_end_is_cut_off(mirror, data_dir, monkeypatch):
    url, folder = mirror
    write_files(folder, mnist_files(), packed=True)
    monkeypatch.setattr(_stored, "_SLACK", 100 - TinyMNIST.files[0].size)
    with pytest.raises(DataError, match="sent more than"):
        _files.fetch(published(mnist_files(), (url,)), data_dir)


def test_a_gzip_bomb_from_a_mirror_is_refused(mirror, data_dir):
    url, folder = mirror
    write_files(folder, {IMAGES: bytes(60 << 20)}, packed=True)
    with pytest.raises(DataError, match="more than the 47,040,016 bytes"):
        _files.fetch(published(mnist_files(), (url,)), data_dir)


def test_tfd_cannot_be_fetched_and_the_error_says_whom_to_ask(data_dir):
    with pytest.raises(DataError, match="cannot be downloaded") as caught:
        _files.fetch(TFD, data_dir)
    assert "genbench data import tfd PATH" in str(caught.value)


@pytest.mark.parametrize("dataset", [MNIST5k, Ring])
def test_a_dataset_without_files_has_nothing_to_fetch_import_or_verify(dataset, data_dir, tmp_path):
    with pytest.raises(UsageError, match="needs no file"):
        _files.fetch(dataset, data_dir)
    with pytest.raises(UsageError, match="needs no file"):
        _files.import_path(dataset, data_dir, tmp_path)
    assert _files.verify(dataset, data_dir) == []


@pytest.mark.parametrize("packed", [False, True])
def test_import_takes_a_folder_of_raw_or_gzipped_files(data_dir, tmp_path, packed):
    source = write_files(tmp_path / "mine", mnist_files(), packed)
    paths = _files.import_path(TinyMNIST, data_dir, source)
    assert [path.read_bytes() for path in paths] == [mnist_files()[name] for name in NAMES]


def test_import_takes_another_data_folder(data_dir, tmp_path):
    write_files(tmp_path / "other" / "mnist", mnist_files())
    assert len(_files.import_path(TinyMNIST, data_dir, tmp_path / "other")) == 4


def test_import_takes_one_file_and_leaves_the_others(data_dir, tmp_path):
    source = write_files(tmp_path, {IMAGES: mnist_files()[IMAGES]}, packed=True) / f"{IMAGES}.gz"
    _files.import_path(TinyMNIST, data_dir, source)
    assert written(data_dir) == [IMAGES]


def test_import_knows_the_spelling_with_a_dot(data_dir, tmp_path):
    source = write_files(tmp_path, {"train-images.idx3-ubyte": mnist_files()[IMAGES]})
    (path,) = _files.import_path(TinyMNIST, data_dir, source)
    assert path.name == IMAGES


def test_import_takes_raw_bytes_under_a_gzip_name(data_dir, tmp_path):
    source = write_files(tmp_path, {f"{IMAGES}.gz": mnist_files()[IMAGES]})
    (path,) = _files.import_path(TinyMNIST, data_dir, source)
    assert path.read_bytes() == mnist_files()[IMAGES]


def test_import_knows_what_a_browser_calls_a_second_download(data_dir, tmp_path):
    again = {f"{name} (1)": raw for name, raw in mnist_files().items()}
    source = write_files(tmp_path / "mine", again, packed=True)
    assert len(_files.import_path(TinyMNIST, data_dir, source)) == 4


def test_import_prefers_the_first_download_to_a_second(data_dir, tmp_path):
    both = {f"{IMAGES}": mnist_files()[IMAGES], f"{IMAGES} (1)": b"cut"}
    _files.import_path(TinyMNIST, data_dir, write_files(tmp_path / "mine", both, packed=True))
    assert written(data_dir) == [IMAGES]


@pytest.mark.parametrize("dataset", [TinyMNIST, TinyCIFAR10, TFD])
@pytest.mark.parametrize(
    ("raw", "says"),
    [(b"\n<!DOCTYPE html><html>", "is a web page"), (b"PK\3\4" + bytes(40), "is a zip archive")],
)
def test_import_says_what_came_in_place_of_a_file(data_dir, tmp_path, dataset, raw, says):
    source = write_files(tmp_path / "mine", {dataset.files[0].name: raw})
    with pytest.raises(DataError, match=says):
        _files.import_path(dataset, data_dir, source / dataset.files[0].name)


def test_import_of_an_archive_that_it_does_not_read_says_to_unpack_it(data_dir, tmp_path):
    source = write_files(tmp_path, {"mnist.tar.gz": tar_gz(mnist_files())}) / "mnist.tar.gz"
    with pytest.raises(DataError, match="It is an archive: unpack it"):
        _files.import_path(TinyMNIST, data_dir, source)


def test_import_stores_nothing_if_one_file_is_damaged(data_dir, tmp_path):
    files = mnist_files()
    files[NAMES[3]] = files[NAMES[3]][:-1]
    with pytest.raises(DataError, match=NAMES[3]):
        _files.import_path(TinyMNIST, data_dir, write_files(tmp_path / "mine", files))
    assert written(data_dir) == []


def test_import_of_a_file_under_another_files_name_is_refused(data_dir, tmp_path):
    source = write_files(tmp_path / "mine", {IMAGES: mnist_files()[NAMES[1]]})
    with pytest.raises(DataError, match="labels for images"):
        _files.import_path(TinyMNIST, data_dir, source)


def test_import_of_something_else_names_the_files_that_are_read(data_dir, tmp_path):
    with pytest.raises(DataError, match="holds no file of mnist; it reads train-images-idx3-ubyte"):
        _files.import_path(TinyMNIST, data_dir, tmp_path)


def test_import_of_a_path_that_is_not_there_is_refused(data_dir, tmp_path):
    with pytest.raises(DataError, match="there is no file or folder"):
        _files.import_path(TinyMNIST, data_dir, tmp_path / "typo")


def test_import_into_a_file_says_that_it_cannot_write(tmp_path):
    (tmp_path / "data").write_bytes(b"")
    source = write_files(tmp_path / "mine", mnist_files())
    with pytest.raises(StoreError, match="cannot write"):
        _files.import_path(TinyMNIST, tmp_path / "data", source)


@pytest.mark.parametrize("kind", ["archive", "renamed", "folder", "parent", "batch folder"])
def test_import_takes_cifar10_as_archive_or_unpacked(data_dir, tmp_path, kind):
    mine = tmp_path / "mine"
    source = {
        "archive": mine / "cifar-10-binary.tar.gz",
        "renamed": mine / "download.tgz",
        "folder": mine,
        "parent": mine,
        "batch folder": mine / "cifar-10-batches-bin",
    }[kind]
    if kind in ("archive", "renamed"):
        write_files(mine, {source.name: tar_gz(cifar10_files())})
    elif kind == "folder":
        write_files(mine, {"cifar-10-binary.tar.gz": tar_gz(cifar10_files())})
    else:
        write_files(mine, cifar10_files())
    _files.import_path(TinyCIFAR10, data_dir, source)
    assert len(TinyCIFAR10(data_dir).split(0).train) == 16


def test_import_refuses_unpacked_files_that_an_archive_would_hide(data_dir, tmp_path):
    write_files(data_dir / "cifar10", {"cifar-10-binary.tar.gz": tar_gz(cifar10_files())})
    with pytest.raises(DataError, match="is there and is read instead"):
        _files.import_path(TinyCIFAR10, data_dir, write_files(tmp_path / "mine", cifar10_files()))


def test_import_of_pickled_cifar10_names_the_binary_version(data_dir, tmp_path):
    pickled = {"cifar-10-python.tar.gz": tar_gz({"cifar-10-batches-py/data_batch_1": b"\x80"})}
    source = write_files(tmp_path, pickled) / "cifar-10-python.tar.gz"
    with pytest.raises(DataError, match=r"the binary version, cifar-10-binary\.tar\.gz"):
        _files.import_path(TinyCIFAR10, data_dir, source)


@pytest.mark.parametrize("ending", [".crdownload", ".part"])
def test_a_download_that_has_not_ended_is_said_to_be_one(ending, data_dir, tmp_path):
    folder = write_files(tmp_path / "got", {f"cifar-10-binary.tar.gz{ending}": b"\x1f\x8b"})
    for source in (folder, folder / f"cifar-10-binary.tar.gz{ending}"):
        with pytest.raises(DataError, match=f"gz{ending} is a download that has not ended"):
            _files.import_path(TinyCIFAR10, data_dir, source)


def test_verify_has_a_word_for_every_state_of_a_file(data_dir):
    dataset = published(mnist_files())
    files = mnist_files()
    files[NAMES[1]] = mnist_files(seed=1)[NAMES[1]]
    files[NAMES[2]] = files[NAMES[2]][:-1]
    del files[NAMES[3]]
    write_files(data_dir / "mnist", files)
    names, states = zip(*_files.verify(dataset, data_dir), strict=True)
    assert list(names) == NAMES
    assert states[0] == "canonical"
    assert states[1] == f"unverified: sha256 {_stored.sha256_of(files[NAMES[1]])}"
    assert states[2].startswith("damaged: ")
    assert states[3] == "missing"


def test_verify_reports_the_files_that_are_read(data_dir):
    assert _files.verify(TinyCIFAR10, data_dir) == [("cifar-10-binary.tar.gz", "missing")]
    write_files(data_dir / "cifar10", cifar10_files())
    assert [name for name, _ in _files.verify(TinyCIFAR10, data_dir)] == list(BATCHES)


def test_the_data_folder_is_that_of_the_environment_or_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GENBENCH_DATA", str(tmp_path))
    assert _files.default_data_dir() == tmp_path
    monkeypatch.delenv("GENBENCH_DATA")
    assert _files.default_data_dir().name == "genbench"
