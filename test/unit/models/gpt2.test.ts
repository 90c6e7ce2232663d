import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ConfigError, ShapeError } from '../../../lib/errors.ts'
import { readJsonObject, readSafetensors, toDiskName, writeJson, writeSafetensors } from '../../../lib/io/index.ts'
import {
  type CausalLanguageModel,
  createLanguageModel,
  type LoadLanguageModelOptions,
  languageLoss,
  loadLanguageModel,
  loadModel,
  packBatch,
  saveModel,
  useGradientCheckpointing,
} from '../../../lib/models/index.ts'
import { type AttentionKernel, crossEntropy, useAttentionKernel } from '../../../lib/nn/index.ts'
import { indexSelect, ones, randn, sub, view } from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { arraysOf, batchOf } from './texts.ts'
import { tinyClassifier, tinyGPT2, tinyLanguageModel } from './tiny-gpt2.ts'

const texts = [[2, 5, 7, 9, 3], [4], [6, 8, 11], [2, 3, 4, 5]]
const dropping = { resid_pdrop: 0.2, embd_pdrop: 0.2, attn_pdrop: 0.2 }
const largest = (x: Tensor) => Number(x.abs().max().item())

function disposing<M extends { dispose(): void }>(model: M, check: (model: M) => void): void {
  try {
    scope(() => check(model))
  } finally {
    model.dispose()
  }
}

describe('models/gpt2', () => {
  for (const kernel of ['fused', 'explicit'] satisfies AttentionKernel[]) {
    it(`gives the same for texts without padding, ${kernel}`, () => {
      manualSeed(1)
      disposing(tinyLanguageModel({}, { dtype: 'float64' }), model => {
        useAttentionKernel(model, kernel)
        const packed = packBatch(arraysOf(texts))
        const rows = model.forward(packed).logits // [rows, vocabulary]
        const sideBySide = view(model.forward(batchOf(texts)).logits, [-1, 20])
        const there = indexSelect(sideBySide, 0, packed.rows.placeOf)
        assert.ok(largest(sub(rows, there)) < 1e-12)
      })
    })
  }

  it('drops the same without padding, in a classifier too', () => {
    manualSeed(2)
    disposing(tinyClassifier(dropping, { dtype: 'float64' }), model => {
      model.train()
      const [padded, packed] = [batchOf(texts), packBatch(arraysOf(texts))].map(batch => {
        manualSeed(9)
        return model.forward(batch).logits
      }) as [Tensor, Tensor]
      assert.ok(largest(sub(padded, packed)) < 1e-12)
      manualSeed(10)
      assert.ok(largest(sub(padded, model.forward(batchOf(texts)).logits)) > 1e-3)
    })
  })

  it('gives each text what it gets alone, whatever the padding', () => {
    manualSeed(3)
    disposing(tinyClassifier({}, { dtype: 'float64' }), model => {
      const alone = texts.map(text => model.forward(batchOf([text])).logits.tolist())
      for (const side of ['left', 'right'] as const) {
        const together = model.forward(batchOf(texts, side)).logits
        assert.ok(largest(sub(together, tensor(alone as number[][][], { dtype: 'float64', shape: [4, 3] }))) < 1e-12)
      }
    })
  })

  it('goes by the padding token where there is one, as transformers does', () => {
    manualSeed(3)
    disposing(tinyClassifier({}, { dtype: 'float64' }), model => {
      const expected = model.forward(batchOf([[4, 5]])).logits
      for (const batch of [batchOf([[4, 5, 0, 0]]), packBatch(arraysOf([[4, 5, 0, 0]]))]) {
        assert.ok(largest(sub(model.forward(batch).logits, expected)) < 1e-12)
      }
    })
  })

  it('goes by the mask where there is no padding token', () => {
    manualSeed(3)
    disposing(tinyClassifier({ pad_token_id: null }, { dtype: 'float64' }), model => {
      const alone = model.forward(batchOf([[4, 0]])).logits
      for (const batch of [
        batchOf([
          [4, 0],
          [2, 5, 7],
        ]),
        packBatch(
          arraysOf([
            [4, 0],
            [2, 5, 7],
          ]),
        ),
      ]) {
        assert.ok(largest(sub(model.forward(batch).logits.narrow(0, 0, 1), alone)) < 1e-12)
      }
    })
  })

  it('takes the ending token as padding of a classifier where there is none, and saves it so', () => {
    for (const [changes, expected] of [
      [{ eos_token_id: 7 }, 7],
      [{ eos_token_id: [8, 7] }, 8],
      [{ eos_token_id: null }, null],
      [{ eos_token_id: 50256 }, null],
    ] as const) {
      manualSeed(3)
      disposing(tinyClassifier({ pad_token_id: null, ...changes }, { dtype: 'float64' }), model => {
        const folder = mkdtempSync(join(tmpdir(), 'bidora-padding-'))
        saveModel(model, folder)
        assert.equal(readJsonObject(join(folder, 'config.json')).pad_token_id, expected)
        if (expected !== null) {
          const alone = model.forward(batchOf([[4, 5]])).logits
          const packed = model.forward(packBatch(arraysOf([[4, 5, expected]]))).logits
          assert.ok(largest(sub(packed, alone)) < 1e-12)
          const again = loadModel(folder, { dtype: 'float64' })
          assert.ok(largest(sub(again.forward(batchOf([[4, 5, expected]])).logits, alone)) < 1e-12)
          again.dispose()
        }
        rmSync(folder, { recursive: true })
      })
    }
  })

  it('refuses a cache and the last place alone without padding', () => {
    disposing(tinyLanguageModel(), model => {
      const cache = model.newCache()
      for (const options of [{ cache }, { lastOnly: true }])
        assert.throws(() => model.forward(packBatch(arraysOf(texts)), options), {
          name: 'ArgumentError',
          code: 'BATCH_LAYOUT',
          message:
            /with (a cache|lastOnly): expected a batch of the layout 'padded', got 'packed'; make it with toBatch/,
        })
    })
  })

  it('gives no gradient through what a cache holds', () => {
    disposing(tinyLanguageModel(), model => {
      const cache = model.newCache()
      model.forward(batchOf([[2, 5]]), { cache })
      const next = tensor(new Float32Array(16), { shape: [1, 1, 16], requiresGrad: true })
      for (const each of cache.layers[0]!.append(next, next)) assert.equal(each.requiresGrad, false)
      cache.dispose()
    })
  })

  it('saves floats with a decimal point', () => {
    disposing(tinyLanguageModel(), model => {
      const folder = mkdtempSync(join(tmpdir(), 'bidora-reals-'))
      saveModel(model, folder)
      const text = readFileSync(join(folder, 'config.json'), 'utf8')
      for (const name of ['resid_pdrop', 'embd_pdrop', 'attn_pdrop'])
        assert.match(text, new RegExp(`"${name}": 0\\.0,`))
      assert.match(text, /"n_embd": 16,/)
      rmSync(folder, { recursive: true })
    })
  })

  for (const side of ['left', 'right'] as const) {
    for (const kernel of ['fused', 'explicit'] satisfies AttentionKernel[]) {
      it(`reads token by token with a cache what it reads at once, padding ${side}, ${kernel}`, () => {
        manualSeed(4)
        disposing(tinyLanguageModel({}, { dtype: 'float64' }), model => {
          noGrad(() => {
            useAttentionKernel(model, kernel)
            const whole = [
              [2, 5, 7, 9, 3, 8, 1, 2, 3],
              [4, 4, 4, 4, 4],
              [6, 8, 11, 1, 1, 1, 1],
            ]
            const more = [
              [3, 9, 5],
              [1, 2, 3],
              [8, 7, 6],
            ]
            const cache = model.newCache()
            const first = model.forward(batchOf(whole, side), { cache, lastOnly: side === 'left' }).logits
            if (side === 'left') assert.deepEqual(first.shape, [3, 1, 20])
            const two = model.forward(batchOf(more.map(row => row.slice(0, 2))), { cache }).logits // two at once
            const one = model.forward(batchOf(more.map(row => row.slice(2))), { cache }).logits
            assert.equal(cache.length, 12)
            for (const [row, text] of whole.entries()) {
              const alone = model.forward(batchOf([[...text, ...more[row]!]])).logits
              const expected = alone.narrow(1, text.length, 3).select(0, 0)
              const got = two.select(0, row)
              assert.ok(largest(sub(got, expected.narrow(0, 0, 2))) < 1e-12, `text ${row}`)
              assert.ok(largest(sub(one.select(0, row), expected.narrow(0, 2, 1))) < 1e-12, `text ${row}`)
            }
            cache.select(tensor([2, 2], { dtype: 'int64' }))
            const chosen = model.forward(batchOf([[5], [6]]), { cache }).logits
            const alone = model.forward(batchOf([[...whole[2]!, ...more[2]!, 6]])).logits
            assert.ok(largest(sub(chosen.select(0, 1), alone.select(0, 0).narrow(0, 10, 1))) < 1e-12)
            assert.throws(
              () =>
                model.forward(
                  batchOf([
                    [1, 1, 1, 1],
                    [1, 1, 1, 1],
                  ]),
                  { cache },
                ),
              ShapeError,
            )
            cache.dispose()
          })
        })
      })
    }
  }

  it('reads on with a cache where padding comes late', () => {
    manualSeed(4)
    disposing(tinyLanguageModel({}, { dtype: 'float64' }), model => {
      noGrad(() => {
        const [whole, more, last] = [
          [
            [2, 5],
            [4, 4],
          ],
          [[3, 9, 5], [8]],
          [[1], [6]],
        ] as const
        const cache = model.newCache()
        model.forward(batchOf(whole), { cache })
        const there = model.forward(batchOf(more), { cache }).logits
        const next = model.forward(batchOf(last), { cache }).logits
        for (const row of [0, 1] as const) {
          const { length } = more[row]
          const alone = model.forward(batchOf([[...whole[row], ...more[row], ...last[row]]])).logits.select(0, 0)
          assert.ok(largest(sub(there.select(0, row).narrow(0, 0, length), alone.narrow(0, 2, length))) < 1e-12)
          assert.ok(largest(sub(next.select(0, row), alone.narrow(0, 2 + length, 1))) < 1e-12)
        }
        cache.dispose()
      })
    })
  })

  it('needs the memory of one layer with gradient checkpointing, for the same gradients to the bit', () => {
    manualSeed(5)
    disposing(tinyLanguageModel(dropping), model => {
      model.train()
      const [plain, again] = [false, true].map(enabled => {
        useGradientCheckpointing(model, enabled)
        manualSeed(7)
        const labels = tensor(
          texts.map(text => [...text, ...new Array<number>(5 - text.length).fill(-100)]),
          {
            dtype: 'int64',
          },
        )
        return grad(languageLoss(model.forward(batchOf(texts)).logits, labels), model.parameters())
      }) as [Tensor[], Tensor[]]
      assert.ok(plain.length > 20)
      plain.forEach((one, at) => assert.deepEqual(again[at]!.tolist(), one.tolist()))
    })
  })

  it('counts the tied table once and starts by the paper', () => {
    manualSeed(6)
    const config = { ...tinyGPT2, n_embd: 64, n_layer: 8, initializer_range: 0.1 }
    disposing(createLanguageModel(config), model => {
      const names = model.namedParameters().map(([path]) => toDiskName(path))
      assert.ok(names.includes('transformer.wte.weight') && !names.includes('lm_head.weight'))
      const std = (path: string) => Math.sqrt(Number(tensorAt(model, path).square().mean().item()))
      assert.ok(Math.abs(std('transformer.h.0.attn.cAttn.weight') - 0.1) < 0.005)
      assert.ok(Math.abs(std('transformer.h.7.mlp.cProj.weight') - 0.025) < 0.002) // 0.1 / sqrt(2 * 8)
      assert.equal(largest(tensorAt(model, 'transformer.h.3.attn.cProj.bias')), 0)
      assert.equal(tensorAt(model, 'lmHead.weight'), tensorAt(model, 'transformer.wte.weight'))
      // It is drawn where the table stands, as in a model with a head of its own.
      manualSeed(6)
      disposing(createLanguageModel({ ...config, tie_word_embeddings: false }), other =>
        assert.ok(tensorAt(other, 'transformer.wte.weight').equal(tensorAt(model, 'transformer.wte.weight'))),
      )
      model.setTensor('transformer.wte.weight', ones([20, 64]))
      assert.equal(tensorAt(model, 'lmHead.weight'), tensorAt(model, 'transformer.wte.weight'))
      model.to({ dtype: 'float64' })
      assert.equal(tensorAt(model, 'lmHead.weight'), tensorAt(model, 'transformer.wte.weight'))
    })
  })

  it('computes the loss of the next token', () => {
    scope(() => {
      manualSeed(8)
      const logits = randn([2, 4, 5], { dtype: 'float64' })
      const labels = tensor(
        [
          [1, -100, 3, 4],
          [-100, 2, -100, -100],
        ],
        { dtype: 'int64' },
      )
      // Text 0: places 1 and 2 foretell 3 and 4; text 1: place 0 foretells 2.
      const rows = indexSelect(view(logits, [8, 5]), 0, tensor([1, 2, 4], { dtype: 'int64' }))
      const expected = crossEntropy(rows, tensor([3, 4, 2], { dtype: 'int64' }))
      assert.ok(largest(sub(languageLoss(logits, labels), expected)) < 1e-15)
    })
  })

  it('refuses a configuration that it does not compute', () => {
    for (const [changes, expected] of [
      [{ add_cross_attention: true }, /add_cross_attention true \(cross-attention\) is not supported/],
      [{ n_head: 3 }, /n_embd: expected a multiple of n_head 3, got 16/],
      [{ scale_attn_weights: 1 }, /scale_attn_weights: expected true or false, got 1/],
      [{ eos_token_id: [] }, /eos_token_id/],
      [{ pad_token_id: 20 }, /pad_token_id: expected a token below vocab_size 20/],
      [{ activation_function: 'gelu_nice' }, /activation_function: expected one of gelu/],
    ] as const) {
      assert.throws(() => tinyLanguageModel(changes), { name: 'ConfigError', message: expected })
    }
    assert.throws(() => createLanguageModel({ model_type: 'bert' }), ConfigError)
  })
})

describe('models/gpt2: checkpoints', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-gpt2-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Saves a language model and changes its tensors on disk. */
  function saved(name: string, changes: (tensors: Map<string, Tensor>) => Map<string, Tensor>, config = {}): string {
    const where = join(folder, name)
    manualSeed(11)
    const model = tinyLanguageModel(config)
    saveModel(model, where)
    model.dispose()
    scope(() => {
      const file = join(where, 'model.safetensors')
      writeSafetensors(file, changes(readSafetensors(file, { copy: true })), { format: 'pt' })
    })
    return where
  }
  function logitsOf(where: string, options: LoadLanguageModelOptions = {}): unknown {
    const model = loadLanguageModel(where, options)
    try {
      return scope(() => noGrad(() => model.forward(batchOf(texts)).logits.tolist()))
    } finally {
      model.dispose()
    }
  }

  it('come back as they were', () => {
    const where = saved('plain', tensors => tensors)
    assert.ok(!readSafetensors(join(where, 'model.safetensors')).has('lm_head.weight'))
    const model = loadLanguageModel(where)
    const again = join(folder, 'again')
    saveModel(model, again)
    assert.deepEqual(logitsOf(again), logitsOf(where))
    const { architectures, n_embd, problem_type } = readJsonObject(join(again, 'config.json'))
    assert.deepEqual([architectures, n_embd, problem_type], [['GPT2LMHeadModel'], 16, undefined])
    model.dispose()
  })

  it('may lack the prefix and hold the masks of old versions', () => {
    const plain = saved('prefixed', tensors => tensors)
    const bare = saved('bare', tensors => {
      const named = [...tensors].map(([name, value]) => [name.replace('transformer.', ''), value] as const)
      return new Map([...named, ['h.0.attn.bias', ones([1, 1, 16, 16])], ['h.1.attn.masked_bias', ones([1])]])
    })
    assert.deepEqual(logitsOf(bare), logitsOf(plain))
    const model = loadLanguageModel(bare)
    assert.deepEqual(model.origin!.ignored, ['h.0.attn.bias', 'h.1.attn.masked_bias'])
    model.dispose()
  })

  it('may hold the head that is tied, if it is equal', () => {
    const where = saved('tied', tensors => tensors.set('lm_head.weight', tensors.get('transformer.wte.weight')!))
    logitsOf(where)
    const other = saved('other', tensors => tensors.set('lm_head.weight', ones([20, 16])))
    assert.throws(() => loadLanguageModel(other), {
      name: 'FormatError',
      message: /lm_head.weight equal to transformer/,
    })
  })

  it('need every name and no other', () => {
    const drop = (name: string) =>
      saved('drop', tensors => {
        tensors.delete(name)
        return tensors
      })
    assert.throws(() => loadLanguageModel(drop('transformer.ln_f.bias')), /1 missing: transformer.ln_f.bias/)
    const more = saved('more', tensors => tensors.set('transformer.h.0.attn.c_extra.weight', ones([1])))
    assert.throws(() => loadLanguageModel(more), /unexpected: transformer.h.0.attn.c_extra.weight/)
    const turned = saved('turned', tensors => tensors.set('transformer.h.0.attn.c_attn.weight', ones([48, 16])))
    assert.throws(() => loadLanguageModel(turned), /c_attn.weight \(expected \[16, 48\], got \[48, 16\]\)/)
    const untied = saved(
      'untied',
      tensors => {
        tensors.delete('lm_head.weight')
        return tensors
      },
      { tie_word_embeddings: false },
    )
    assert.throws(() => loadLanguageModel(untied), /1 missing: lm_head.weight/)
  })

  it('give a classifier a new head, and their own head is refused as one', () => {
    const where = saved('for-classes', tensors => tensors.set('lm_head.weight', tensors.get('transformer.wte.weight')!))
    assert.throws(() => loadModel(where), /GPT2ForSequenceClassification, got GPT2LMHeadModel/)
    const model = loadModel(where, { head: 'new', labels: ['a', 'b'] })
    assert.deepEqual(model.origin!.created, ['score.weight'])
    saveModel(model, join(folder, 'classifier'))
    const again = loadModel(join(folder, 'classifier'))
    assert.deepEqual(again.config.labels, ['a', 'b'])
    scope(() => {
      const [one, two] = [model, again].map(each => each.forward(batchOf(texts)).logits.tolist())
      assert.deepEqual(one, two)
    })
    for (const each of [model, again]) each.dispose()
    const broken = join(folder, 'classifier', 'config.json')
    // The other way: the word table would do for the head, but the checkpoint is none of a language model.
    assert.throws(() => loadLanguageModel(join(folder, 'classifier')), {
      code: 'NO_HEAD',
      message: /GPT2LMHeadModel or GPT2Model or .*, got GPT2ForSequenceClassification.*; use a checkpoint/,
    })
    const named = (changes: object) => {
      writeJson(broken, { ...readJsonObject(broken), ...changes })
      return loadLanguageModel(join(folder, 'classifier'))
    }
    named({ architectures: ['GPT2Model'] }).dispose()
    named({ architectures: undefined }).dispose()
    assert.throws(() => named({ architectures: ['GPT2Model'], tie_word_embeddings: false }), { code: 'NO_HEAD' })
    writeJson(broken, { ...readJsonObject(broken), architectures: undefined, vocab_size: 21 })
    assert.throws(() => loadModel(join(folder, 'classifier')), /wte.weight \(expected \[21, 16\], got \[20, 16\]\)/)
  })
})

function tensorAt(model: CausalLanguageModel, path: string): Tensor {
  const module = model.getModule(path.slice(0, path.lastIndexOf('.')))
  return (module as unknown as Record<string, Tensor>)[path.slice(path.lastIndexOf('.') + 1)]!
}
