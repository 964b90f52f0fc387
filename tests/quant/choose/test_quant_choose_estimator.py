"""A network as scikit-learn's classifiers are."""

import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.nn.losses import Batch, cross_entropy
from tinyzip.nn.models import seed_net, student_net
from tinyzip.quant.choose import estimator
from tinyzip.quant.choose.estimator import ByClass, Classifier
from tinyzip.quant.door.classify import classify
from tinyzip.train.evaluate import predict

needs_sklearn = pytest.mark.needs("sklearn")
SKIPPED = {  # by scikit-learn itself, and why
    "check_array_api_input": "SCIPY_ARRAY_API is not set",
    "check_classifier_data_not_an_array": "pandas is not installed",
}


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


@needs_sklearn
@pytest.mark.filterwarnings("ignore:Estimator Classifier does not inherit:UserWarning")
@pytest.mark.parametrize("bits", [None, 8])
def test_it_passes_the_checks_of_scikit_learn(bits) -> None:
    """It inherits nothing of scikit-learn, which would load it; so their warning of that is expected."""
    from sklearn.utils.estimator_checks import check_estimator

    results = check_estimator(Classifier(steps=60, bits=bits), on_fail=None, on_skip=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] not in ("passed", "skipped")}
    assert failed == {}
    for result in results:
        if result["status"] == "skipped":
            assert SKIPPED[result["check_name"]] in str(result["exception"])
    assert len(results) > 40


def test_to_import_it_loads_no_scikit_learn() -> None:
    code = "import sys; from tinyzip.quant.choose.estimator import Classifier; Classifier().get_params();"
    code += "print('sklearn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout == "False\n"


def test_without_scikit_learn_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.utils.validation", None)
    with pytest.raises(ImportError, match=r"no scikit-learn of 1\.6 or later, needed it: pip install"):
        Classifier().fit([[1.0], [2.0]], [0, 1])


@needs_sklearn
def test_it_serves_cross_validation_searches_pipelines_and_clones(digits) -> None:
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = digits[0][:600], digits[1][:600]
    net = Classifier(steps=200, random_state=0)
    assert cross_val_score(net, X, y, cv=3).min() > 0.8
    pipeline = Pipeline([("scale", StandardScaler()), ("net", net)])
    search = GridSearchCV(pipeline, {"net__bits": [None, 8, 1], "net__network": [None]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.8 and search.best_params_["net__bits"] != 1
    assert search.predict(X[:5]).shape == (5,)
    copy = clone(net.set_params(class_weight={0: 2.0}))
    assert copy.get_params() == net.get_params() and not hasattr(copy, "classes_")


@needs_sklearn
@pytest.mark.parametrize("bits", [None, 4])
def test_answers_are_those_of_the_network_or_of_its_program(bits, digits) -> None:
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    X, y = digits[0], names[digits[1]]
    fitted = Classifier(bits=bits, random_state=0).fit(X[:1400], y[:1400])
    images = (X[1400:] / 16).astype(np.float32)[:, None, None]
    if bits is None:
        assert fitted.program_ is None
        places = predict(fitted.network_, images)
    else:
        assert {operator.weight_bits for operator in fitted.program_.operators[1::2]} == {bits}
        places = classify(fitted.program_, images)
    np.testing.assert_array_equal(fitted.predict(X[1400:]), fitted.classes_[places])
    probabilities = fitted.predict_proba(X[1400:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), places)
    assert fitted.score(X[1400:], y[1400:]) == (fitted.predict(X[1400:]) == y[1400:]).mean() > 0.85
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X[1400:]), probabilities)


@needs_sklearn
def test_rows_are_images_where_shape_says_so_and_images_are_taken_as_they_are(digits) -> None:
    X = np.kron(digits[0][:300].reshape(-1, 8, 8) / 16, np.ones((2, 2)))
    y = digits[1][:300]
    answers = []
    for examples, shape in ((X, None), (X[:, None], None), (X.reshape(300, -1), (1, 16, 16))):
        fitted = Classifier(seed_net, shape, steps=40, random_state=0).fit(examples, y)
        assert fitted.network_.shape == (1, 16, 16)
        assert list(fitted.network_.layers) == list(seed_net().layers)
        answers.append(fitted.predict_proba(examples))
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
    assert list(Classifier(steps=1).fit(X, y).network_.layers) == list(student_net().layers)
    fitted = Classifier(steps=1).fit(X, y)
    with pytest.raises(ValueError, match=r"Classifier: X: found examples of shape \(16, 8\)"):
        fitted.predict(X[:, :, ::2])


@needs_sklearn
def test_bytes_are_read_as_255ths_and_numbers_of_other_kinds_lose_nothing(digits) -> None:
    X, y = digits[0][:300], digits[1][:300]
    whole = (X * 1000).astype(np.int64)  # which no byte holds
    half = (X / 7).astype(np.float16)  # in which a quotient would be rounded
    for same in ((whole.astype(float), whole, whole.tolist()), (half.astype(float), half)):
        wanted, *found = (Classifier(steps=60, random_state=0).fit(x, y).predict_proba(x) for x in same)
        for answers in found:
            np.testing.assert_array_equal(answers, wanted)
    pixels = (X * 15).astype(np.uint8)
    fitted = Classifier(steps=60, random_state=0).fit(pixels, y)
    assert fitted.scale_ == 1 and fitted.network_.input_range == (0.0, pixels.max() / 255)


@needs_sklearn
def test_it_says_that_it_classifies_needs_labels_and_takes_images() -> None:
    tags = Classifier().__sklearn_tags__()
    assert (tags.estimator_type, tags.target_tags.required) == ("classifier", True)
    assert tags.input_tags.three_d_array and tags.input_tags.two_d_array


@needs_sklearn
def test_a_fit_shows_no_progress(capsys) -> None:
    Classifier(steps=1).fit(np.eye(4), [0, 1, 0, 1])
    assert capsys.readouterr() == ("", "")


@needs_sklearn
def test_class_weights_turn_answers_to_rare_classes() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(800) < 0.1).astype(int)
    X = rng.normal(size=(800, 2)) + y[:, None]
    found = {
        name: (Classifier(steps=300, random_state=0, class_weight=weights).fit(X, y).predict(X) == 1).mean()
        for name, weights in {"none": None, "balanced": "balanced", "more": {0: 1, 1: 50}}.items()
    }
    assert found["none"] < y.mean() < 0.6 * found["balanced"] < 0.6 * found["more"]


@needs_sklearn
def test_class_weights_count_by_their_ratios_alone() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    one, other = (
        Classifier(steps=9, random_state=0, class_weight=weights).fit(X, y)
        for weights in (None, dict.fromkeys(range(3), 4.0))
    )
    assert one.history_.loss == other.history_.loss


@settings(max_examples=30)
@given(st.integers(2, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_objective_is_the_weighted_mean_of_the_losses(K, N, seed) -> None:
    """(SK1), where the batch is all examples."""
    rng = np.random.default_rng(seed)
    z, labels, each = rng.normal(size=(K, N)), rng.integers(0, K, N), rng.uniform(0.1, 3, K)
    loss, dz = ByClass(each / each[labels].mean())(z, Batch(z, labels, np.arange(N)))
    alone = [cross_entropy(z[:, n : n + 1], labels[n : n + 1]) for n in range(N)]
    w = each[labels]
    assert np.isclose(loss, sum(w[n] * alone[n][0] for n in range(N)) / w.sum())
    np.testing.assert_allclose(dz, np.hstack([w[n] * alone[n][1] for n in range(N)]) / w.sum())


@needs_sklearn
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"shape": (1, 3, 3)}, r"Classifier: shape: found \(1, 3, 3\), needed .* 4 numbers"),
        ({"shape": (2, 2)}, r"Classifier: shape: found \(2, 2\)"),
        ({"steps": 0}, "fit: epochs"),
        ({"bits": 9}, "9"),
    ],
)
def test_what_does_not_fit_is_one_line(options, line) -> None:
    X, y = np.random.default_rng(0).random((20, 4)), np.arange(20) % 2
    with pytest.raises(ValueError, match=line):
        Classifier(**{"steps": 2, **options}).fit(X, y)


def test_a_parameter_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="Classifier: epochs: found 3, needed one of network, shape"):
        Classifier().set_params(epochs=3)


@needs_sklearn
@pytest.mark.parametrize(("count", "every"), [(9, 1), (1999, 1), (2000, 2), (3000, 3)])
def test_a_network_is_quantized_with_some_thousand_examples_from_first_to_last(count, every, monkeypatch):
    X, seen = np.random.default_rng(0).random((count, 4)), []

    def quantize(net, images, weights):
        seen.append((images, weights))
        return SimpleNamespace(program=None)

    monkeypatch.setattr(estimator, "quantize", quantize)
    fitted = Classifier(steps=1, batch=500, bits=3).fit(X, np.arange(count) % 2)
    ((images, weights),) = seen
    wanted = (X / X.max()).astype(np.float32).reshape(count, 1, 1, 4)
    np.testing.assert_array_equal(images, wanted[::every])
    assert weights == 3 and fitted.scale_ == X.max()


@needs_sklearn
@pytest.mark.filterwarnings("ignore:fit. images. found nothing but 0:UserWarning")
def test_steps_are_rounded_up_to_whole_epochs_and_vectors_get_64_hidden_units() -> None:
    X, y = np.zeros((45, 2, 3)), np.arange(45) % 3
    for steps, batch, epochs in ((1, 20, 1), (3, 20, 1), (4, 20, 2), (6, 20, 2), (7, 15, 3)):
        fitted = Classifier(steps=steps, batch=batch, shape=(6, 1, 1)).fit(X, y)
        assert len(fitted.history_.loss) == epochs and fitted.scale_ == 1
    assert [p.shape for n, p in fitted.network_.params.items() if n.endswith(".w")] == [(64, 6), (3, 64)]


def test_what_is_not_said_is_a_thousand_steps_of_32_examples() -> None:
    assert Classifier().get_params() == {
        **dict.fromkeys(("network", "shape", "bits", "class_weight", "random_state")),
        **{"steps": 1000, "batch": 32, "learning_rate": 0.01},
    }


@needs_sklearn
def test_first_weights_are_drawn_by_a_number_of_31_bits_from_the_random_state() -> None:
    seen = []

    def build(rng, shape, classes):
        seen.append(rng.bit_generator.state)
        return estimator.vector_net(rng, shape, classes)

    for state in (3, np.random.RandomState(3)):
        Classifier(build, steps=1, random_state=state).fit(np.eye(4), [0, 1, 0, 1])
    wanted = np.random.default_rng(np.random.RandomState(3).randint(2**31)).bit_generator.state
    assert seen == [wanted, wanted]
