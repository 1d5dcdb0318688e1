"""Parameter tables, seeds and print precision."""

import random
import re

import numpy as np
import pytest
from left_out import CHOSEN, imported

from d2lcompute.tables import ParameterTable, Row

torch, nn, torch_side = map(imported, ("torch", "torch.nn", "d2lcompute.torch"))
tf, keras, tensorflow_side = map(imported, ("tensorflow", "keras", "d2lcompute.tensorflow"))
for_torch = pytest.mark.frameworks("pytorch")
for_keras = pytest.mark.frameworks("tensorflow")


def rows(table, *columns):
    return [tuple(getattr(row, column) for column in columns) for row in table.rows]


@for_torch
def test_torch_table_agrees_with_torch():
    net = nn.Sequential(nn.Linear(20, 256), nn.BatchNorm1d(256), nn.Linear(256, 10).half())
    net[0].weight.requires_grad_(False)
    table = torch_side.parameter_table(net)
    assert [row.name for row in table.rows[:6]] == [name for name, _ in net.named_parameters()]
    assert table.total == sum(p.numel() for p in net.parameters())
    assert table.non_trainable == 256 * 20
    assert table.buffers == 256 + 256 + 1
    assert table.bytes == sum(t.numel() * t.element_size() for t in net.state_dict().values())
    assert table.rows[4] == Row("2.weight", (10, 256), "float16", 2560, 5120, "cpu", trainable=True)
    assert rows(table, "name", "dtype", "trainable", "buffer")[-1] == (
        "1.num_batches_tracked",
        "int64",
        False,
        True,
    )


@for_torch
def test_torch_table_counts_a_shared_parameter_once():
    shared = nn.Linear(4, 4)
    table = torch_side.parameter_table(nn.Sequential(shared, nn.ReLU(), shared))
    assert rows(table, "name", "also") == [
        ("0.weight", ("2.weight",)),
        ("0.bias", ("2.bias",)),
    ]
    assert table.total == 20
    assert "0.weight (also 2.weight)" in str(table)


@for_torch
def test_torch_table_of_a_lazy_model():
    net = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 2))
    table = torch_side.parameter_table(net)
    assert rows(table, "shape", "count")[:2] == [(None, None), (None, None)]
    assert table.total == 8
    assert "not built yet 2" in str(table)
    net(torch.ones(1, 5))
    assert torch_side.parameter_table(net).total == 26


@for_torch
def test_torch_table_on_another_device():
    assert torch_side.parameter_table(nn.Linear(2, 2, device="meta")).rows[0].device == "meta"


@for_keras
def test_keras_table_agrees_with_keras():
    net = keras.Sequential([keras.Input((20,)), keras.layers.Dense(256), keras.layers.Dense(10)])
    net.layers[0].trainable = False
    table = tensorflow_side.parameter_table(net)
    assert [row.name for row in table.rows] == [weight.path for weight in net.weights]
    assert table.total == net.count_params()
    assert table.trainable == 2570
    assert table.bytes == 4 * table.total
    assert rows(table, "shape", "dtype", "device")[0] == ((20, 256), "float32", "CPU:0")


@for_keras
def test_keras_table_has_the_state_of_batch_normalization():
    net = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    assert rows(tensorflow_side.parameter_table(net), "trainable") == [
        (True,),
        (True,),
        (False,),
        (False,),
    ]


@for_keras
def test_keras_table_counts_a_shared_layer_once():
    shared = keras.layers.Dense(4)
    net = keras.Sequential([keras.Input((4,)), shared, shared])
    assert tensorflow_side.parameter_table(net).total == 20


@for_keras
def test_keras_table_of_an_unbuilt_model():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(3)
            self.parts = [keras.Sequential([keras.layers.Dense(2), keras.layers.ReLU()])]

        def call(self, x):
            return self.parts[0](self.hidden(x))

    net = Net()
    table = tensorflow_side.parameter_table(net)
    assert rows(table, "shape", "count") == [(None, None)] * 2
    net(tf.ones((1, 5)))
    assert rows(tensorflow_side.parameter_table(net), "shape") == [
        ((5, 3),),
        ((3,),),
        ((3, 2),),
        ((2,),),
    ]


@pytest.mark.parametrize(
    ("side", "model"), [(torch_side, nn.ReLU), (tensorflow_side, keras.layers.ReLU)]
)
def test_a_model_without_parameters(side, model):
    table = side.parameter_table(model())
    assert (table.total, table.rows) == (0, ())
    assert "parameters 0" in str(ParameterTable())


@pytest.mark.parametrize("model", [3, [1.0], nn.Linear])
def test_what_is_no_model(d2l, model):
    with pytest.raises(TypeError, match=r"model must be a .*, got "):
        d2l.parameter_table(model)


def test_html_is_escaped_and_says_which_cells_are_heads():
    table = ParameterTable((Row("<script>", (1234,), "float32", 1234, 4936, "cpu", True),))
    html = table._repr_html_()
    assert "<script>" not in html and '<th scope="row">&lt;script&gt;</th>' in html
    assert html.count('<th scope="col"') == 7
    assert '<td style="text-align: right">1,234</td>' in html and "parameters 1,234" in html
    assert [len(re.findall("<t[hd][ >]", line)) for line in html.splitlines()[1:4:2]] == [7, 7]


@for_torch
def test_text_is_aligned():
    lines = str(torch_side.parameter_table(nn.Linear(300, 20))).splitlines()
    assert {line.index("float32") for line in lines[1:3]} == {lines[0].index("dtype")}
    assert lines[1].index("6,000") + 5 == lines[2].index(" 20  ") + 3
    assert lines[-1] == ("total: parameters 6,020, trainable 6,020, not trainable 0, bytes 24,080")


def test_seed_repeats_every_generator(d2l):
    def draw():
        return (
            random.random(),
            float(np.random.rand()),
            torch.rand(3).tolist()
            if d2l is torch_side
            else tf.random.uniform((3,)).numpy().tolist(),
            None
            if d2l is torch_side
            else keras.initializers.GlorotUniform()((2, 2)).numpy().tolist(),
        )

    assert d2l.seed(7) is None
    first = draw()
    d2l.seed(np.int64(7))
    assert draw() == first
    d2l.seed(2**32 - 1)
    assert draw() != first


@pytest.mark.parametrize(
    ("n", "error"),
    [(-1, ValueError), (2**32, ValueError), (1.5, TypeError), (None, TypeError), (True, TypeError)],
)
def test_seed_refuses_what_some_generator_would(d2l, n, error):
    with pytest.raises(error, match="n must be an integer from 0 to 4294967295"):
        d2l.seed(n)


@pytest.fixture
def print_options():
    with np.printoptions():
        yield
    if "pytorch" in CHOSEN:
        torch.set_printoptions(profile="default")


@pytest.mark.usefixtures("print_options")
def test_set_precision_reaches_everything_that_prints(d2l):
    values = [1e-5, 1.23456789]
    d2l.set_precision(3)
    assert str(np.array(values)) == "[0.    1.235]"
    if "tensorflow" in CHOSEN:  # prints as NumPy does, whichever module was asked
        assert "[0.    1.235]" in str(tf.constant(values))
    if d2l is torch_side:
        assert str(torch.tensor(values)) == "tensor([0.000, 1.235])"
    d2l.set_precision()
    assert "1.2346" in str(np.array(values))


@pytest.mark.parametrize("digits", [-1, 17, 2.0, True])
def test_set_precision_refuses(d2l, digits):
    with pytest.raises((TypeError, ValueError), match="digits must be an integer from 0 to 16"):
        d2l.set_precision(digits)
