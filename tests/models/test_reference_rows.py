"""The reference rows: a Gaussian, k-means, and the training images themselves."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Peer

from baselines.gaussian import Gaussian, root_of_covariance
from baselines.kmeans import KMeans, nearest
from baselines.replay import Replay
from genbench.plugins import recipe, registry


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def trained(model, train, seed=1):
    epochs = []
    torch.manual_seed(seed)
    for epoch in model.fit(train, train[:0]):
        epochs.append(epoch)
        torch.manual_seed(seed + epoch.index)
    return epochs


# --- gaussian ---


def test_gaussian_samples_have_the_mean_and_covariance_of_the_data():
    train = torch.randn(500, 3) @ torch.randn(3, 3) + torch.tensor([1.0, -2.0, 5.0])
    model = Gaussian((3,), clip=False)
    trained(model, train)
    x = model.sample(100_000)
    torch.testing.assert_close(x.mean(dim=0), train.mean(dim=0), atol=0.05, rtol=0)
    torch.testing.assert_close(x.T.cov(), train.T.cov(correction=0), atol=0.05, rtol=0.02)


def test_root_of_the_covariance_squares_to_it_whatever_its_rank():
    for n in (3, 2500):
        x = torch.rand(n, 20)
        mean = x.double().mean(dim=0)
        root = root_of_covariance(x, mean)
        expected = torch.from_numpy(np.cov(x.double().numpy().T, bias=True))
        torch.testing.assert_close(root @ root.T, expected, atol=1e-12, rtol=0)


def test_gaussian_of_a_singular_covariance_stays_in_the_span_of_the_data():
    train = torch.rand(3, 6)
    train[:, 0] = 0.25
    model = Gaussian((6,), clip=False)
    trained(model, train)
    assert model.notes() == {"rank": 2}
    x = model.sample(50)
    assert (x[:, 0] == 0.25).all()
    plane = (train - train.mean(dim=0)).double()
    away = (x - train.mean(dim=0)).double()
    residual = away - away @ torch.linalg.pinv(plane) @ plane
    assert residual.abs().max() < 1e-5


def test_gaussian_samples_of_images_are_clipped_to_their_range():
    train = (torch.rand(100, 4) > 0.9).float()
    torch.manual_seed(0)
    clipped, raw = Gaussian((4,)), Gaussian((4,), clip=False)
    for model in (clipped, raw):
        trained(model, train)
    torch.manual_seed(2)
    x = raw.sample(1500)
    torch.manual_seed(2)
    assert torch.equal(clipped.sample(1500), x.clamp(0, 1))
    assert x.min() < 0


# --- k-means ---


def test_nearest_centroid_is_that_of_direct_distances():
    x, centroids = torch.rand(2500, 5), torch.rand(30, 5)
    sq_dist, owner = nearest(x, centroids)
    direct = torch.cdist(x.double(), centroids.double()) ** 2
    assert torch.equal(owner, direct.argmin(dim=1))
    torch.testing.assert_close(sq_dist.double(), direct.min(dim=1).values, atol=1e-6, rtol=0)


def test_kmeans_agrees_with_scikit_learn_from_the_same_start():
    train = torch.rand(400, 4)
    model = KMeans((4,), centroids=10, steps=6)
    trained(model, train)
    torch.manual_seed(1)
    start = train[torch.randperm(400)[:10]]
    peer = Peer(10, init=start.numpy(), n_init=1, max_iter=6, tol=0, algorithm="lloyd")
    peer.fit(train.numpy())
    torch.testing.assert_close(
        model.sample(10), torch.from_numpy(peer.cluster_centers_), atol=1e-5, rtol=0
    )


def test_kmeans_never_moves_away_from_the_data():
    epochs = trained(KMeans((4,), centroids=20, steps=8), torch.rand(500, 4))
    distances = [epoch.losses["squared distance"] for epoch in epochs]
    assert distances == sorted(distances, reverse=True)


def test_centroids_without_rows_stay_where_they_are():
    train = torch.tensor([[0.0], [0.0], [0.0], [0.0], [0.0], [1.0], [1.0], [1.0], [1.0], [1.0]])
    model = KMeans((1,), centroids=2, steps=2)
    after_one = {"centroids": torch.tensor([[0.4], [9.0]]), "train.epoch": torch.tensor(1)}
    model.load_state_dict(after_one)
    trained(model, train)
    assert model.sample(2).tolist() == [[0.5], [9.0]]


def test_kmeans_has_at_most_a_fifth_as_many_centroids_as_rows():
    model = KMeans((4,), centroids=10_000, steps=1)
    trained(model, torch.rand(52, 4))
    assert model.sample(10_000).shape == (10, 4)
    assert model.sample(3).shape == (3, 4)


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_kmeans_resumed_after_any_step_equals_the_uninterrupted_run(stop):
    train = torch.rand(300, 4)
    whole = KMeans((4,), centroids=30, steps=4)
    torch.manual_seed(1)
    states = []
    for _ in whole.fit(train, train[:0]):
        states.append({name: value.clone() for name, value in whole.state_dict().items()})
    resumed = KMeans((4,), centroids=30, steps=4)
    resumed.load_state_dict(states[stop - 1])
    assert len(trained(resumed, train, seed=7)) == 4 - stop
    assert torch.equal(resumed.sample(30), whole.sample(30))


# --- replay ---


def test_few_rows_of_a_file_in_the_order_of_classes_are_of_all_classes():
    from genbench.datasets.mnist5k import MNIST5k

    split = MNIST5k(None).split(0)
    told = {"replay": split.train, "held_out": split.valid}
    for name, rows in told.items():
        hyperparameters = recipe.resolve(name, "mnist5k", "paper", {}).hyperparameters
        model = registry.load("model", name)((1, 28, 28), **hyperparameters)
        list(model.fit(split.train, split.valid))
        assert torch.equal(model.sample(100), rows[:: len(rows) // 100])
        assert torch.equal(model.sample(10**6), rows)


def test_replay_hands_back_the_first_training_rows_in_their_order():
    train = torch.rand(20, 4)
    model = Replay((4,), rows=8)
    trained(model, train)
    assert torch.equal(model.sample(5), train[:5])
    assert torch.equal(model.sample(100), train[:8])


@pytest.mark.parametrize("model", [Gaussian, Replay, KMeans])
def test_what_is_handed_out_can_be_changed_without_harm(model):
    row = model((4,))
    train = torch.rand(50, 4)
    original = train.clone()
    trained(row, train)
    torch.manual_seed(0)
    before = row.sample(5)
    kept = before.clone()
    before += 1
    torch.manual_seed(0)
    assert torch.equal(row.sample(5), kept)
    assert torch.equal(train, original)


@pytest.mark.parametrize("model", [Gaussian, Replay, KMeans])
def test_finished_reference_rows_train_no_further(model):
    whole, finished = model((4,)), model((4,))
    train = torch.rand(50, 4)
    trained(whole, train)
    state = whole.state_dict()
    finished.load_state_dict({k: v for k, v in state.items() if not k.startswith("train.")})
    assert trained(finished, train) == []
    assert trained(whole, train) == []
