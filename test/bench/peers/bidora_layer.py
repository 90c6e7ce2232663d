"""A BiDoRA layer and its regulariser in plain PyTorch, in the factored forms: no [out, in] temporary.

A line is a row of W = weight + s B A (axis 'out', one magnitude per output) or a column (axis 'in', one per input).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class BidoraLinear(nn.Module):
    def __init__(self, linear, rank, scaling, axis):
        super().__init__()
        self.axis, self.scaling = axis, scaling
        self.weight, self.bias = linear.weight.requires_grad_(False), linear.bias.requires_grad_(False)
        out, inn = self.weight.shape
        self.lora_a = nn.Parameter(torch.empty(rank, inn))
        self.lora_b = nn.Parameter(torch.zeros(out, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        line = 1 if axis == 'out' else 0
        self.magnitude = nn.Parameter(self.weight.norm(dim=line))
        self.square = self.weight.square().sum(line)  # constants of the frozen weight
        gram = self.weight @ self.weight.T if axis == 'out' else self.weight.T @ self.weight
        self.gram = gram.fill_diagonal_(0)  # [lines, lines]
        self.gram_square = self.gram.square()

    def parts(self):
        """cross [lines, rank]: the weight times the far factor; near [lines, rank]; inner [rank, rank]: the far factor's Gram matrix."""
        if self.axis == 'out':
            return self.weight @ self.lora_a.T, self.lora_b, self.lora_a @ self.lora_a.T
        return self.weight.T @ self.lora_b, self.lora_a.T, self.lora_b.T @ self.lora_b

    def norm_square(self, cross, near, inner):
        s = self.scaling
        return self.square + ((2 * s * cross + s * s * near @ inner) * near).sum(1)

    def forward(self, x):
        scale = self.magnitude * self.norm_square(*self.parts()).rsqrt()
        if self.axis == 'in':
            x = x * scale
            return F.linear(x, self.weight, self.bias) + self.scaling * F.linear(F.linear(x, self.lora_a), self.lora_b)
        return scale * (F.linear(x, self.weight) + self.scaling * F.linear(F.linear(x, self.lora_a), self.lora_b)) + self.bias

    def orthogonality(self):
        """|| Gram(direction) - I ||_F from the frozen Gram matrix and the factors: with U = Y S Y^T the change of the Gram
        matrix, w the inverse squared norms and K = Y^T diag(w) Y, its square is
        w^T (G*G) w + 2 tr(S (wY)^T G (wY)) + tr(S K S K) - sum_i (w_i U_ii)^2."""
        cross, near, inner = self.parts()
        w = 1 / self.norm_square(cross, near, inner)
        y = torch.cat([self.scaling * cross, near], 1)  # [lines, 2 rank]
        identity, zero = torch.eye(inner.shape[0]), torch.zeros_like(inner)
        s = torch.cat([torch.cat([zero, identity], 1), torch.cat([identity, self.scaling**2 * inner], 1)])
        wy = w.unsqueeze(1) * y
        sk = s @ (y.T @ wy)
        diagonal = w * ((y @ s) * y).sum(1)
        square = w @ self.gram_square @ w + 2 * (s * (wy.T @ self.gram @ wy)).sum() + (sk * sk.T).sum() - diagonal.square().sum()
        return square.clamp_min(0).sqrt()
