"""One search round as the official code makes it (t2ance/BiDoRA e7922af through leopard-ai/betty 0.2.1), with what is wrong
in it put right so that its time is one of the same method: batches padded to their longest text, weights the right way
round, the frozen backbone frozen. The rest is its own: one magnitude per input, no scaling; W0 + B A, its norm and the
scaled dense matrix made anew by every forward; the Gram regulariser with a dense k x k product, in all three lower
evaluations; the upper graph traversed twice; fresh dropout masks in the two perturbed evaluations; the lower parameters
put back by adding.

Differs: torch's AdamW, at the settings of the other twins, in place of Betty's (which adds eps before the correction).

Batches: { "lower": [...], "upper": [...] }. Prints { seconds, lowerLoss, upperLoss, hypergradientNorm } a round.
"""

import math

import torch
from protocol import batches, main, round_arguments, round_values, two_levels
from torch import nn
from torch.nn import functional as F


class OfficialLinear(nn.Module):
    def __init__(self, linear, rank):
        super().__init__()
        self.weight, self.bias = linear.weight.requires_grad_(False), linear.bias.requires_grad_(False)
        out, inn = self.weight.shape
        self.lora_a = nn.Parameter(torch.empty(rank, inn))
        self.lora_b = nn.Parameter(torch.zeros(out, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.magnitude = nn.Parameter(self.weight.norm(p=2, dim=0))

    def forward(self, x):
        weight = self.weight + self.lora_b @ self.lora_a
        return F.linear(x, self.magnitude * (weight / weight.norm(p=2, dim=0, keepdim=True)), self.bias)

    def orthogonality(self):
        weight = self.weight + self.lora_b @ self.lora_a
        direction = weight / weight.norm(p=2, dim=0, keepdim=True)
        return torch.norm(direction.T @ direction - torch.eye(direction.shape[1]))


configure = round_arguments


def make(options):
    model, layers, lower, upper, lower_optimizer, upper_optimizer = two_levels(options, lambda linear: OfficialLinear(linear, options.rank))
    data = batches(options)

    def training_step(batch):
        regulariser = sum(layer.orthogonality() for layer in layers.values()) / len(layers)
        return model(**batch).loss + options.orthogonality * regulariser

    def move(vector, distance):
        for p, v in zip(lower, vector):
            p.data.add_(v.data, alpha=distance)

    def round():
        lower_batch, upper_batch = next(data['lower']), next(data['upper'])
        lower_loss = training_step(lower_batch)
        torch.autograd.backward(lower_loss, inputs=lower)
        lower_optimizer.step()
        lower_optimizer.zero_grad()

        upper_loss = model(**upper_batch).loss
        direct = torch.autograd.grad(upper_loss, upper, retain_graph=True)
        vector = torch.autograd.grad(upper_loss, lower)
        epsilon = options.radius / (torch.cat([v.flatten() for v in vector]).norm().item() + 1e-15)
        move(vector, epsilon)
        plus = torch.autograd.grad(training_step(lower_batch), upper)
        move(vector, -2 * epsilon)
        minus = torch.autograd.grad(training_step(lower_batch), upper)
        move(vector, epsilon)
        for m, d, a, b in zip(upper, direct, plus, minus):
            m.grad = d + (b - a) / (2 * epsilon)
        values = round_values(options, lower_loss, upper_loss, [m.grad for m in upper])
        upper_optimizer.step()
        upper_optimizer.zero_grad()
        return values

    return round, {'lower': sum(p.numel() for p in lower), 'upper': sum(p.numel() for p in upper)}


if __name__ == '__main__':
    main(__doc__, make, configure)
