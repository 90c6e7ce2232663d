import { grad } from '../../lib/autograd/index.ts'
import { toDiskName } from '../../lib/io/index.ts'
import type { Module } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/index.ts'

/** Gradients of a loss by every parameter of a model, by the names that checkpoints have for them; none (null) where it does not depend on one. */
export function diskGradients(model: Module, loss: Tensor): Map<string, Tensor | null> {
  const named = model.namedParameters()
  const gradients = grad(
    loss,
    named.map(([, parameter]) => parameter),
    { allowUnused: true },
  )
  return new Map(named.map(([path], at) => [toDiskName(path), gradients[at] ?? null]))
}
