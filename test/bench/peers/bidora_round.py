"""One faithful BiDoRA search round in plain PyTorch, written well: a lower step; one upper forward whose single backward
gives the direct gradient and v; two lower evaluations at +- epsilon v for the magnitudes alone, with the lower step's batch
and dropout masks; restoration from copies; an upper step.

Batches: { "lower": [...], "upper": [...] }. Prints { seconds, lowerLoss, upperLoss, hypergradientNorm } a round.
"""

import torch
from bidora_layer import BidoraLinear
from protocol import batches, main, round_arguments, round_values, two_levels


def configure(parser):
    parser.add_argument('--axis', choices=('in', 'out'), default='out')
    round_arguments(parser)


def make(options):
    model, layers, lower, upper, lower_optimizer, upper_optimizer = two_levels(options, lambda linear: BidoraLinear(linear, options.rank, options.lora_alpha / options.rank, options.axis))
    data = batches(options)

    def magnitude_gradient(batch, vector, distance, copies, masks):
        """Gradient of the lower loss for the magnitudes at V + distance * v; the regulariser does not see them."""
        torch.set_rng_state(masks)
        with torch.no_grad():
            for p, copy, v in zip(lower, copies, vector):
                torch.add(copy, v, alpha=distance, out=p)
        return torch.autograd.grad(model(**batch).loss, upper)

    def round():
        lower_batch, upper_batch = next(data['lower']), next(data['upper'])
        masks = torch.get_rng_state()
        lower_loss = model(**lower_batch).loss
        if options.orthogonality > 0:
            lower_loss = lower_loss + options.orthogonality * sum(layer.orthogonality() for layer in layers.values()) / len(layers)
        for p, g in zip(lower, torch.autograd.grad(lower_loss, lower)):
            p.grad = g
        lower_optimizer.step()

        upper_loss = model(**upper_batch).loss
        gradients = torch.autograd.grad(upper_loss, upper + lower)
        direct, vector = gradients[: len(upper)], gradients[len(upper) :]
        after = torch.get_rng_state()
        epsilon = options.radius / (torch.stack([v.norm() for v in vector]).norm().item() + 1e-15)
        copies = [p.detach().clone() for p in lower]
        plus = magnitude_gradient(lower_batch, vector, epsilon, copies, masks)
        minus = magnitude_gradient(lower_batch, vector, -epsilon, copies, masks)
        with torch.no_grad():
            for p, copy in zip(lower, copies):
                p.copy_(copy)
        torch.set_rng_state(after)
        for m, d, a, b in zip(upper, direct, plus, minus):
            m.grad = d - (a - b) / (2 * epsilon)
        values = round_values(options, lower_loss, upper_loss, [m.grad for m in upper])
        upper_optimizer.step()
        return values

    return round, {'lower': sum(p.numel() for p in lower), 'upper': sum(p.numel() for p in upper)}


if __name__ == '__main__':
    main(__doc__, make, configure)
