"""Dropout by counters, as the library draws it, written with numpy: Philox4x32-10 of Salmon et al. (2011).

`words` is checked against the known answers that the authors publish with Random123 (kat_vectors, philox 4x32 10).
A mask is a function of a key, which is the next 64 bits of torch's default generator, and of an element's place: rows are
all dimensions but the last; each begins a new group of 32 words; word i of group g is output i // 8 of the counter
8 g + i % 8. An element is kept where its word is below (1 - p) 2^32.
"""

import numpy as np
import torch

MASK = np.uint64(0xFFFFFFFF)


def block(counter, key):
    """The four output words, for counters [4, n] and a key of two words."""
    c = [np.asarray(part, dtype=np.uint64) for part in counter]
    k = [int(part) for part in key]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), b & MASK, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), a & MASK]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c)


for counter, key, answer in (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
):
    assert block([[part] for part in counter], key)[:, 0].tolist() == list(answer)


def keep(shape, p):
    """Which elements are kept: bool of that shape."""
    key = torch.empty((), dtype=torch.int64).random_(-(2**63), None).item() & (2**64 - 1)
    cols = shape[-1]
    rows = int(np.prod(shape[:-1]))
    groups = (cols + 31) // 32
    counters = np.arange(rows * groups * 8, dtype=np.uint64)
    made = block([counters & MASK, counters >> np.uint64(32), np.zeros_like(counters), np.zeros_like(counters)], (key & 0xFFFFFFFF, key >> 32))
    words = made.reshape(4, rows * groups, 8).transpose(1, 0, 2).reshape(rows, groups * 32)[:, :cols]
    kept = torch.from_numpy(words < np.uint64(int((1 - p) * 2.0**32 + 0.5)))
    return kept.reshape(shape)


def dropout(input, p=0.5, training=True, inplace=False):
    """In the place of torch.nn.functional.dropout."""
    if not training or p == 0:
        return input
    return torch.where(keep(tuple(input.shape), p), input * (1 / (1 - p) if p < 1 else 0), 0)
