import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAdapter, saveAdapter } from '../../lib/adapters/index.ts'
import { grad } from '../../lib/autograd/index.ts'
import { readSafetensors, toModulePath } from '../../lib/io/index.ts'
import type { Module } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/index.ts'
import { assertClose, type Golden, type TensorReference } from './adapters-golden.ts'

/** What PEFT made of a model, in its folder `adapter`. */
export interface PeftCase {
  id: string
  base: string
  adapter: string
  dtype: 'float32' | 'float64'
  inputs: Record<'inputIds' | 'attentionMask' | 'labels', TensorReference>
  baseLogits: TensorReference
  logits: TensorReference
  loss: TensorReference
  gradients: Record<string, TensorReference>
  mergedLogits: TensorReference
}

export const tolerances = { float32: { absolute: 1e-6, relative: 1e-5 }, float64: { absolute: 1e-14, relative: 1e-12 } }

/** The loss and its gradients are PEFT's, and nothing else trains. */
export function assertGradients(golden: Golden<unknown>, one: PeftCase, model: Module, loss: Tensor): void {
  const tolerance = tolerances[one.dtype]
  assertClose(loss, golden.tensor(one.loss), 'loss', tolerance)
  const names = Object.keys(one.gradients)
  const gradients = grad(
    loss,
    names.map(name => parameterOf(model, name)),
  )
  names.forEach((name, i) =>
    assertClose(gradients[i]!, golden.tensor(one.gradients[name]!), name, {
      ...tolerance,
      relative: tolerance.relative * 10,
    }),
  )
  assert.equal(model.namedParameters().filter(([, tensor]) => tensor.requiresGrad).length, names.length)
}

/** The model's parameter behind a name in PEFT's file. */
function parameterOf(model: Module, name: string): Tensor {
  const path = name
    .replace('base_model.model.', '')
    .replace(/\.lora_(embedding_)?A(\.weight)?$/, '.loraA')
    .replace(/\.lora_(embedding_)?B(\.weight)?$/, '.loraB')
    .replace('.lora_magnitude_vector', '.magnitude')
  const found = model.namedParameters().find(([own]) => own === toModulePath(path))
  assert.ok(found, name)
  return found[1]
}

/** A folder of PEFT's, loaded and saved again, has the same tensors; `check` looks at what else the second one holds. */
export function assertSavedAgain(folder: string, model: Module, check: (again: string) => void = () => {}): void {
  const config = loadAdapter(folder, model)
  const again = mkdtempSync(join(tmpdir(), 'bidora-peft-'))
  try {
    saveAdapter(again, model, config)
    const [theirs, ours] = [folder, again].map(where =>
      readSafetensors(join(where, 'adapter_model.safetensors'), { copy: true }),
    )
    assert.deepEqual([...ours!.keys()].sort(), [...theirs!.keys()].sort())
    for (const [name, tensor] of ours!) assertClose(tensor, theirs!.get(name)!, name, {})
    check(again)
  } finally {
    rmSync(again, { recursive: true })
  }
}
