"""Tensors of any framework as NumPy arrays, and how NumPy prints arrays."""

import numpy as np

from d2lcompute._arguments import integer


def to_numpy(value: object) -> np.ndarray:
    """Return `value` as an array in the memory of the CPU.

    Args:
        value: a number, a (nested) list, an array, or a tensor of PyTorch, TensorFlow or
            Keras: on any device, with or without gradient, of any dtype. A dtype that NumPy
            does not have, such as bfloat16, becomes float32. Masked values become NaN.

    Returns:
        The array, of the same shape. It may share memory with `value`.

    Raises:
        ValueError: the parts of a nested list differ in length.

    >>> to_numpy([1, 2.5])
    array([1. , 2.5])
    """
    if hasattr(value, "detach"):  # a tensor of PyTorch
        tensor = value.detach().cpu().resolve_conj().resolve_neg()
        try:
            value = tensor.numpy()
        except TypeError:  # a dtype that NumPy lacks
            value = (tensor.cfloat() if tensor.is_complex() else tensor.float()).numpy()
    elif hasattr(value, "numpy"):  # a tensor of TensorFlow, a variable of Keras
        value = value.numpy()
    elif isinstance(value, (list, tuple)) and any(hasattr(v, "numpy") for v in value):
        value = [to_numpy(part) for part in value]
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(np.result_type(value, np.float16)), np.nan)
    array = np.asarray(value)
    if array.dtype.isbuiltin == 2:  # added to NumPy by ml_dtypes: bfloat16, float8
        array = array.astype(np.float32)
    return array


def set_print_precision(digits: int) -> int:
    """Let NumPy print `digits` digits after the point, without exponents.

    Args:
        digits: from 0 to 16.

    Returns:
        `digits` as an int.

    Raises:
        TypeError, ValueError: `digits` is not an integer from 0 to 16.
    """
    digits = integer("digits", digits, 0, 16)
    np.set_printoptions(precision=digits, suppress=True)
    return digits
