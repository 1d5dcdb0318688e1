"""Devices, with and without GPUs; the GPUs are pretended."""

import copy
import pickle
import types

import numpy as np
import pytest
from left_out import imported

tf, tensorflow_side = imported("tensorflow"), imported("d2lcompute.tensorflow")
torch, torch_side = imported("torch"), imported("d2lcompute.torch")
for_torch = pytest.mark.frameworks("pytorch")
for_tensorflow = pytest.mark.frameworks("tensorflow")


def test_without_a_gpu_everything_falls_back_to_the_cpu(d2l, gpus):
    gpus(0)
    assert d2l.num_gpus() == 0
    assert d2l.try_gpu() == d2l.try_gpu(3) == d2l.cpu()
    assert d2l.try_all_gpus() == [d2l.cpu()]
    assert d2l.gpu(1) != d2l.cpu()  # code can still name one
    assert d2l.device_name(d2l.cpu()) == "CPU"
    d2l.synchronize()
    d2l.synchronize(d2l.cpu())


def test_with_two_gpus(d2l, gpus):
    gpus(2)
    assert d2l.num_gpus() == 2
    assert d2l.try_gpu() == d2l.gpu() == d2l.gpu(0)
    assert d2l.try_gpu(1) == d2l.gpu(1) == d2l.gpu(np.int64(1))
    assert d2l.try_gpu(2) == d2l.cpu()
    assert d2l.try_all_gpus() == [d2l.gpu(0), d2l.gpu(1)]


@pytest.mark.parametrize("name", ["gpu", "try_gpu"])
@pytest.mark.parametrize(
    ("index", "error"),
    [(-1, ValueError), (128, ValueError), (True, TypeError), (1.0, TypeError), ("0", TypeError)],
)
def test_a_bad_index_says_what_is_allowed(d2l, name, index, error):
    with pytest.raises(error, match=rf"from 0 to 127, got {index!r}"):
        getattr(d2l, name)(index)


@pytest.mark.parametrize("device", ["banana", "cuda:7", "GPU:7", "", "cpu:x", "GPU:-1"])
@pytest.mark.parametrize("name", ["device_name", "synchronize", "Timer"])
def test_an_unknown_device_says_what_there_is(d2l, gpus, name, device):
    gpus(2)
    with pytest.raises(ValueError, match=f"no device '{device}'; available: .*{d2l.gpu(1)}"):
        getattr(d2l, name)(device)


def test_what_is_no_device_is_a_type_error(d2l):
    with pytest.raises(TypeError, match="got 0"):
        d2l.device_name(0)


class FakeCuda:
    """Takes the part of torch.cuda."""

    def __init__(self, monkeypatch, used=(0, 1)):
        self.ready, self.waited = True, []
        module = types.SimpleNamespace(
            is_initialized=lambda: self.ready,
            get_device_name=lambda index: f"NVIDIA Fake {index}",
            current_device=lambda: 1,
        )
        monkeypatch.setattr(torch, "get_device_module", lambda device: module)
        monkeypatch.setattr(torch._C, "_cuda_hasPrimaryContext", used.__contains__, raising=False)
        monkeypatch.setattr(torch.accelerator, "synchronize", lambda d: self.waited.append(d.index))


@for_torch
def test_torch_names_and_waits_for_the_devices_in_use(gpus, monkeypatch):
    gpus(3)
    cuda = FakeCuda(monkeypatch, used=(0, 2))
    assert torch_side.device_name("cuda:2") == "NVIDIA Fake 2"
    assert torch_side.device_name("cuda") == "NVIDIA Fake 1"  # the current one
    torch_side.synchronize()
    assert cuda.waited == [0, 2]
    torch_side.synchronize(torch.device("cuda:2"))
    assert cuda.waited == [0, 2, 2]


@for_torch
def test_torch_timer_waits_before_each_reading_once_cuda_has_started(gpus, monkeypatch):
    gpus(1)
    cuda = FakeCuda(monkeypatch)
    cuda.ready = False
    timer = torch_side.Timer()  # waiting now would start CUDA for nothing
    assert cuda.waited == []
    cuda.ready = True  # the timed work started it
    timer.stop()
    assert cuda.waited == [0]
    timer.start()
    timer.stop()
    assert cuda.waited == [0, 0, 0]
    with torch_side.Timer("cpu"):
        pass
    assert cuda.waited == [0, 0, 0]
    pickle.loads(pickle.dumps(torch_side.Timer("cuda:0"))).stop()
    assert cuda.waited == [0] * 5


@for_torch
def test_torch_apple_gpu(gpus, monkeypatch):
    gpus(1)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("mps"))
    monkeypatch.setattr(torch, "get_device_module", lambda device: types.SimpleNamespace())
    waited = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    assert torch_side.try_gpu() == torch.device("mps:0")
    assert torch_side.device_name("mps") == "MPS"
    torch_side.synchronize()
    assert waited == [torch.device("mps:0")]


@for_tensorflow
def test_tensorflow_names_and_waits_for_gpus(gpus, monkeypatch):
    fakes = gpus(2)
    details = {fakes[1]: {"device_name": "NVIDIA Fake"}}
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda device: details.get(device, {})
    )
    assert tensorflow_side.device_name("/job:localhost/device:GPU:1") == "NVIDIA Fake"
    assert tensorflow_side.device_name("gpu:0") == "GPU"
    waited = []
    monkeypatch.setattr(tf.test.experimental, "sync_devices", lambda: waited.append(1))
    timer = tensorflow_side.Timer()
    timer.stop()
    assert len(waited) == 2
    tensorflow_side.benchmark(abs, 1, repeat=1, warmup=0, device="GPU:0")
    assert len(waited) > 2
    before = len(waited)
    with tensorflow_side.Timer("CPU:0"):
        pass
    assert len(waited) == before


@for_tensorflow
def test_tensorflow_counts_logical_gpus(gpus, monkeypatch):
    gpus(2)
    parts = {"/fake:GPU:0": ["half", "half"], "/fake:GPU:1": None}
    monkeypatch.setattr(
        tf.config, "get_logical_device_configuration", lambda device: parts.get(device.name)
    )
    assert tensorflow_side.try_all_gpus() == ["GPU:0", "GPU:1", "GPU:2"]


@for_tensorflow
def test_tensorflow_device_is_a_value():
    device = tensorflow_side.gpu(1)
    assert device == "GPU:1" and str(device) == "GPU:1" and {device: 1}["GPU:1"] == 1
    for copied in (pickle.loads(pickle.dumps(device)), copy.deepcopy(device)):
        assert copied == device and type(copied) is type(device)
    with pytest.raises(AttributeError):
        device.index_ = 2


LOGICAL = """
import threading
from d2lcompute import tensorflow as d2l
import tensorflow as tf

# None of these may start the runtime, or the next line fails.
d2l.num_gpus(), d2l.try_gpu(), d2l.try_all_gpus(), d2l.device_name("CPU:0"), d2l.Timer().stop()
d2l.synchronize()
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
a, b = d2l.Device("CPU:0"), d2l.Device("CPU:1")
assert d2l.device_name(b) == "CPU"

def here():
    return tf.ones(1).device[-5:]

with b as entered:
    assert entered is b and here() == b
    with a:
        assert here() == a
        with b:
            assert here() == b
        assert here() == a
    assert here() == b
assert here() == a
try:
    with b:
        raise KeyError
except KeyError:
    assert here() == a

seen = set()
def work():
    for _ in range(50):
        with b:
            seen.add(here())
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
with a:
    for _ in range(50):
        seen.add("main " + here())
for thread in threads:
    thread.join()
assert seen == {"CPU:1", "main CPU:0"}, seen

with tf.device(b):
    assert here() == b
x = tf.ones(2)
with b:
    y = tf.identity(x)
assert x.device.endswith(a) and y.device.endswith(b)
assert tf.distribute.MirroredStrategy([a, b]).num_replicas_in_sync == 2

import keras
with tf.distribute.MirroredStrategy([a, b]).scope():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
assert {row.device for row in d2l.parameter_table(net).rows} == {"CPU:0, CPU:1"}

# Work that is queued on the CPU too is waited for.
tf.config.experimental.set_synchronous_execution(False)
waited = []
sync, tf.test.experimental.sync_devices = tf.test.experimental.sync_devices, lambda: (
    waited.append(1), sync())
with d2l.Timer():
    x @ tf.ones((2, 2)) if False else tf.ones((2, 2)) @ tf.ones((2, 2))
assert len(waited) == 3, waited  # when made, when entered, when left
print("ok")
"""


@for_tensorflow
def test_tensorflow_contexts_on_logical_devices(python):
    assert python(LOGICAL) == ("ok\n", "")
