import numpy as np
import pytest

from tinyzip.nn import models
from tinyzip.nn.model import MANY

NETWORKS = [
    "seed_net",
    "student_net",
    "wide_net",
    "lenet5",
    "lenet5_caffe",
    "lenet_300_100",
    "vgg_net",
    "separable_net",
    "wide_mlp",
]


def parameters(net):
    return sum(array.size for array in net.params.values())


def test_the_seed_net_has_21840_parameters_and_the_names_everyone_uses():
    net = models.seed_net()
    assert parameters(net) == 21_840
    assert list(net.layers) == [
        "conv1",
        "relu1",
        "pool1",
        "conv2",
        "relu2",
        "pool2",
        "flatten",
        "fc1",
        "relu3",
        "fc2",
    ]
    assert net.params["conv2.w"].shape == (20, 10, 5, 5)
    assert net.params["fc1.w"].shape == (50, 320)
    assert net.layers["conv1"].padding == net.layers["conv2"].padding == ((0, 0), (0, 0))


def test_the_student_has_half_of_every_width():
    shapes = {key: array.shape for key, array in models.student_net().params.items()}
    assert [shapes[f"{name}.b"] for name in ("conv1", "conv2", "fc1", "fc2")] == [(5,), (10,), (25,), (10,)]
    assert list(models.student_net().layers) == list(models.seed_net().layers)


def test_the_wide_net_is_the_seed_net_with_65558_parameters():
    assert list(models.wide_net().layers) == list(models.seed_net().layers)
    assert parameters(models.wide_net()) == 65_558


def test_lenet5_has_the_parameters_of_its_textbook_form():
    assert parameters(models.lenet5()) == 61_706


def test_the_lenets_of_pruning_have_the_weights_of_each_layer_that_its_papers_count():
    for make, weights in (
        (models.lenet5_caffe, [500, 25_000, 400_000, 5_000]),
        (models.lenet_300_100, [235_200, 30_000, 1_000]),
    ):
        net = make()
        assert [array.size for key, array in net.params.items() if key.endswith(".w")] == weights
    assert parameters(models.lenet5_caffe()) == 431_080
    assert parameters(models.lenet_300_100()) == 266_610


def test_the_wide_mlp_is_784_1200_1200_10():
    weights = [a.shape for key, a in models.wide_mlp().params.items() if key.endswith(".w")]
    assert weights == [(1200, 784), (1200, 1200), (10, 1200)]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("shape", "classes"), [((1, 28, 28), 10), ((3, 32, 32), 100), ((2, 17, 23), 3)])
def test_every_network_fits_other_images_and_class_counts(name, shape, classes):
    net = getattr(models, name)(np.random.default_rng(1), shape, classes)
    z, caches = net.forward(np.ones((*shape, 2), np.float32), train=True)
    assert z.shape == (classes, 2) and np.isfinite(z).all()
    assert set(net.backward(np.ones_like(z), caches)) == set(net.trainable())


@pytest.mark.parametrize("name", ["seed_net", "student_net", "wide_net", "separable_net"])
def test_windows_on_images_of_one_row_are_as_high(name):
    net, square = getattr(models, name)(shape=(1, 1, 40)), getattr(models, name)()
    assert list(net.layers) == list(square.layers)
    for key, array in square.params.items():
        if key.startswith(("conv", "depthwise")) and array.ndim == 4:
            *channels, _, across = array.shape
            assert net.params[key].shape == (*channels, 1, across)
            assert net.layers[key.removesuffix(".w")].padding[0] == (0, 0)
    z, caches = net.forward(np.ones((1, 1, 40, 2), np.float32), train=True)
    assert z.shape == (10, 2) and np.isfinite(z).all()
    assert set(net.backward(np.ones_like(z), caches)) == set(net.trainable())


def test_windows_on_images_of_two_rows_are_as_on_all_others():
    assert models.separable_net(shape=(1, 2, 40)).params["conv1.w"].shape[2:] == (3, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_generator_the_seed_is_0(name):
    make = getattr(models, name)
    first, same, other = make(), make(np.random.default_rng(0)), make(np.random.default_rng(1))
    for key, array in first.params.items():
        np.testing.assert_array_equal(array, same.params[key])
    assert any((array != other.params[key]).any() for key, array in first.params.items())


def test_parameters_are_many_that_fill_two_megabytes():
    assert 4 * MANY == 2 << 20 and parameters(models.vgg_net()) < MANY < parameters(models.wide_mlp())


@pytest.mark.parametrize("name", NETWORKS)
def test_where_nothing_is_said_images_are_those_of_ten_digits(name):
    net = getattr(models, name)()
    assert net.shape == (1, 28, 28) and net.last_shape == (10,)


def test_every_network_has_the_layers_that_its_paper_and_its_files_name():
    two = str.split("conv1 relu1 pool1 conv2 relu2 pool2 flatten fc1 relu3 fc2")
    pairs = str.split(
        "conv1a relu1a conv1b relu1b pool1 conv2a relu2a conv2b relu2b pool2 flatten fc1 relu5 fc2"
    )
    separable = str.split("conv1 norm1 relu1")
    for k in "23":
        separable += str.split(f"depthwise{k} norm{k}a relu{k}a pointwise{k} norm{k}b relu{k}b")
    for make, layers in (
        (models.student_net, two),
        (models.wide_net, two),
        (models.lenet5, [*two, "relu4", "fc3"]),
        (models.lenet5_caffe, two),
        (models.lenet_300_100, str.split("flatten fc1 relu1 fc2 relu2 fc3")),
        (models.vgg_net, pairs),
        (models.separable_net, [*separable, "average", "flatten", "fc1"]),
        (models.wide_mlp, str.split("flatten fc1 relu1 fc2 relu2 fc3")),
    ):
        assert list(make().layers) == layers, make


def test_pairs_of_small_convolutions_keep_the_size_and_each_pooling_halves_it():
    net = models.vgg_net()
    shapes = net.output_shapes()
    assert [shapes[name] for name in ("conv1b", "pool1", "conv2b", "pool2")] == [
        (16, 28, 28),
        (16, 14, 14),
        (32, 14, 14),
        (32, 7, 7),
    ]
    weights = 9 * (1 * 16 + 16 * 16 + 16 * 32 + 32 * 32) + 32 * 49 * 64 + 64 * 10
    assert parameters(net) == weights + 2 * 16 + 2 * 32 + 64 + 10


def test_separable_convolutions_mix_channels_and_pixels_in_turn():
    net = models.separable_net()
    shapes = net.output_shapes()
    assert [shapes[name] for name in ("relu1", "relu2a", "relu2b", "relu3a", "relu3b", "average")] == [
        (16, 14, 14),
        (16, 14, 14),
        (32, 14, 14),
        (32, 7, 7),
        (64, 7, 7),
        (64, 1, 1),
    ]
    weights = 9 * (1 * 16 + 16 + 32) + 16 * 32 + 32 * 64 + 64 * 10
    assert parameters(net) == weights + 4 * (16 + 16 + 32 + 32 + 64) + 10
    assert net.layers["depthwise2"].groups == 16 and net.layers["depthwise3"].groups == 32


@pytest.mark.parametrize("name", NETWORKS)
def test_no_name_of_a_layer_is_used_twice(name):
    net = getattr(models, name)()
    assert len(set(net.layers)) == len(net.layers)
    assert list(net.layers)[-1].startswith("fc")


@pytest.mark.parametrize("shape", [(28, 28), (1, 4, 4)])
def test_images_that_are_too_small_or_none_are_refused(shape):
    with pytest.raises(ValueError, match="found"):
        models.seed_net(shape=shape)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "shape", [None, (), 28, (28, 28), [1, 28, 28], (0, 28, 28), (1, 28, "28"), (1, 28.0, 28)]
)
def test_what_is_not_the_shape_of_one_image_is_refused(name, shape):
    with pytest.raises(ValueError, match=r"shape: found .*, needed "):
        getattr(models, name)(shape=shape)
