import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError, ConfigError, FormatError } from '../../../lib/errors.ts'
import { readJsonObject, readSafetensors, SafetensorsFile, writeJson, writeSafetensors } from '../../../lib/io/index.ts'
import {
  type EncoderConfig,
  type LoadModelOptions,
  loadModel,
  type SequenceClassifier,
  saveModel,
} from '../../../lib/models/index.ts'
import { Dropout, Linear, stateOf } from '../../../lib/nn/index.ts'
import { add_, ones, sum } from '../../../lib/ops/index.ts'
import { getRngState, manualSeed, memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { tinyConfig, tinyModel } from './tiny.ts'

const batch = () => ({
  layout: 'padded' as const,
  inputIds: tensor([
    [1n, 5n, 2n, 0n],
    [1n, 7n, 8n, 2n],
  ]),
  attentionMask: tensor([
    [1n, 1n, 1n, 0n],
    [1n, 1n, 1n, 1n],
  ]),
})
const logitsOf = (model: SequenceClassifier) => scope(() => noGrad(() => model.forward(batch())).logits.tolist())
const stateLists = (model: SequenceClassifier) =>
  Object.fromEntries([...stateOf(model)].map(([path, value]) => [path, value.tolist()]))

describe('models/load and save', () => {
  let folder: string
  let source: SequenceClassifier
  const weights = () => join(folder, 'model.safetensors')
  /** Rewrites the weights under other names; a name that becomes '' is left out. */
  const rename = (change: (name: string) => string, extra: Record<string, Tensor> = {}) =>
    scope(() => {
      const renamed = [...readSafetensors(weights(), { copy: true })].map(
        ([name, value]) => [change(name), value] as const,
      )
      writeSafetensors(weights(), new Map([...renamed.filter(([name]) => name !== ''), ...Object.entries(extra)]))
    })
  const configure = (changes: Record<string, unknown>) =>
    writeJson(join(folder, 'config.json'), { ...readJsonObject(join(folder, 'config.json')), ...changes })
  const load = (options: LoadModelOptions = {}, use: (model: SequenceClassifier) => void = () => {}) => {
    const model = loadModel(folder, options)
    try {
      use(model)
    } finally {
      model.dispose()
    }
  }

  beforeEach(() => {
    manualSeed(5)
    folder = mkdtempSync(join(tmpdir(), 'bidora-model-'))
    source = tinyModel()
    saveModel(source, folder)
  })
  afterEach(() => {
    source.dispose()
    rmSync(folder, { recursive: true })
  })

  it('reads back what it wrote, bit for bit, in evaluation mode', () => {
    load({}, model => {
      assert.deepEqual(stateLists(model), stateLists(source))
      assert.deepEqual(logitsOf(model), logitsOf(source))
      assert.ok(!model.training)
      assert.deepEqual([model.origin!.created, model.origin!.ignored], [[], []])
      assert.deepEqual(model.config, source.config)
    })
    assert.deepEqual({ ...new SafetensorsFile(weights()).metadata }, { format: 'pt' })
  })

  it('writes the configuration of transformers and keeps what it does not know', () => {
    configure({ gradient_checkpointing: false, summary: { a: [1] }, num_labels: 3 })
    const target = mkdtempSync(join(tmpdir(), 'bidora-saved-'))
    load({ labels: ['a', 'b', 'c'], problemType: 'multi-label', dtype: 'bfloat16' }, model => saveModel(model, target))
    const saved = readJsonObject(join(target, 'config.json'))
    assert.deepEqual(saved.architectures, ['BertForSequenceClassification'])
    assert.deepEqual(saved.id2label, { 0: 'a', 1: 'b', 2: 'c' })
    assert.deepEqual(saved.label2id, { a: 0, b: 1, c: 2 })
    assert.deepEqual([saved.problem_type, saved.dtype], ['multi_label_classification', 'bfloat16'])
    assert.deepEqual([saved.summary, saved.hidden_size, saved.model_type], [{ a: [1] }, 8, 'bert'])
    assert.ok(!('num_labels' in saved))
    load({}, () => {})
    rmSync(target, { recursive: true })
  })

  it('saves over the very folder it was loaded from', () => {
    load({}, model => {
      noGrad(() => add_(model.parameters()[0]!, 1))
      const expected = logitsOf(model)
      saveModel(model, folder)
      assert.deepEqual(logitsOf(model), expected)
      load({}, again => assert.deepEqual(logitsOf(again), expected))
    })
  })

  it('shares the file, and training does not change it', () => {
    const before = logitsOf(source)
    load({}, model => {
      noGrad(() => model.parameters().forEach(parameter => void add_(parameter, 1)))
      assert.notDeepEqual(logitsOf(model), before)
    })
    load({}, model => assert.deepEqual(logitsOf(model), before))
  })

  it('converts to a dtype', () => {
    for (const dtype of ['float64', 'bfloat16', 'float16'] as const) {
      load({ dtype }, model => assert.ok(model.parameters().every(parameter => parameter.dtype === dtype)))
    }
    load({ dtype: 'float64' }, model => {
      const [got, expected] = [logitsOf(model), logitsOf(source)] as number[][][]
      got!.flat().forEach((value, at) => {
        assert.ok(Math.abs(value - expected!.flat()[at]!) < 1e-5)
      })
    })
    assert.throws(() => load({ dtype: 'int64' }), ConfigError)
  })

  it('leaves nothing behind when it is disposed', () => {
    load()
    const before = memoryStats().liveTensors
    load()
    load({ dtype: 'float64', head: 'new', labels: ['a', 'b'] })
    load({ copy: true })
    assert.equal(memoryStats().liveTensors, before)
  })

  it('is trainable all through', () => {
    load({}, model =>
      scope(() => {
        const parameters = model.parameters()
        const gradients = grad(sum(model.train().forward(batch()).logits.square()), parameters)
        assert.equal(gradients.length, parameters.length)
      }),
    )
  })

  describe('names', () => {
    it('takes a checkpoint of the encoder alone, which lacks the prefix and the head', () => {
      rename(name => (name.startsWith('classifier') ? '' : name.replace(/^bert\./, '')))
      configure({ architectures: ['BertModel'] })
      assert.throws(
        () => load(),
        /expected architectures with BertForSequenceClassification, got BertModel.*head: 'new'/,
      )
      load({ head: 'new', labels: ['a', 'b'] }, model => {
        assert.deepEqual(model.origin!.created, ['classifier.weight', 'classifier.bias'])
        assert.deepEqual(
          stateLists(model)['bert.encoder.layer.1.output.dense.weight'],
          stateLists(source)['bert.encoder.layer.1.output.dense.weight'],
        )
      })
    })

    it('takes gamma and beta for weight and bias of a layer norm, and nothing else', () => {
      rename(name => name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'))
      load({}, model => assert.deepEqual(logitsOf(model), logitsOf(source)))
      rename(name => name.replace('query.weight', 'query.gamma'))
      assert.throws(() => load(), /2 missing: .*0\.attention\.self\.query\.weight.* 2 unexpected: .*query\.gamma/)
    })

    it('ignores counters and pretraining heads, and says so', () => {
      scope(() => {
        rename(name => name, {
          'bert.embeddings.position_ids': tensor([[0n, 1n]]),
          'cls.predictions.bias': ones([20]),
          'cls.seq_relationship.weight': ones([2, 8]),
        })
      })
      load({}, model => {
        assert.deepEqual([...model.origin!.ignored].sort(), [
          'bert.embeddings.position_ids',
          'cls.predictions.bias',
          'cls.seq_relationship.weight',
        ])
      })
    })

    it('lists missing, unexpected and misshapen names together, by their names on disk', () => {
      scope(() => {
        rename(name => (name === 'bert.encoder.layer.1.output.LayerNorm.bias' ? '' : name), {
          'bert.encoder.layer.2.output.dense.weight': ones([8, 12]),
          'lm_head.bias': ones([2]),
          'bert.embeddings.position_embeddings.weight': ones([15, 8]),
          'bert.pooler.dense.bias': tensor(Array(8).fill(1n)),
        })
      })
      assert.throws(
        () => load(),
        (error: FormatError) => {
          assert.ok(error instanceof FormatError)
          assert.match(error.message, /1 missing: bert\.encoder\.layer\.1\.output\.LayerNorm\.bias/)
          assert.match(
            error.message,
            /2 unexpected: .*bert\.encoder\.layer\.2\.output\.dense\.weight.*lm_head\.bias|lm_head\.bias.*layer\.2/,
          )
          assert.match(error.message, /position_embeddings\.weight \(expected \[16, 8\], got \[15, 8\]\)/)
          assert.match(error.message, /bert\.pooler\.dense\.bias: expected a floating dtype, got int64/)
          return true
        },
      )
    })

    it('does not take names of this library, nor two names for one parameter', () => {
      rename(name => name.replace('word_embeddings', 'wordEmbeddings'))
      assert.throws(
        () => load(),
        /missing: bert\.embeddings\.word_embeddings\.weight.*unexpected: bert\.embeddings\.wordEmbeddings\.weight/,
      )
      rename(name => name.replace('wordEmbeddings', 'word_embeddings'))
      scope(() => rename(name => name, { 'bert.encoder.layer.0.output.LayerNorm.gamma': ones([8]) }))
      assert.throws(() => load(), /1 unexpected: bert\.encoder\.layer\.0\.output\.LayerNorm\.(gamma|weight)/)
    })

    it('ignores the pooler of a RoBERTa, which has no use for it', () => {
      const roberta = tinyModel({ model_type: 'roberta' })
      saveModel(roberta, folder)
      scope(() =>
        rename(name => name, { 'roberta.pooler.dense.weight': ones([8, 8]), 'lm_head.dense.bias': ones([8]) }),
      )
      load({}, model => {
        assert.deepEqual([...model.origin!.ignored].sort(), ['lm_head.dense.bias', 'roberta.pooler.dense.weight'])
        assert.deepEqual(logitsOf(model), logitsOf(roberta))
      })
      roberta.dispose()
    })
  })

  describe('heads', () => {
    it('starts a new one from normal(0, initializer_range) and zero, the same on every dtype', () => {
      manualSeed(1)
      let start: unknown
      load({ head: 'new', labels: ['a', 'b'] }, model => {
        assert.deepEqual(model.origin!.ignored.toSorted(), ['classifier.bias', 'classifier.weight'])
        start = stateLists(model)['classifier.weight']
        assert.deepEqual(stateLists(model)['classifier.bias'], [0, 0])
        assert.notDeepEqual(start, (stateLists(source)['classifier.weight'] as number[][]).slice(0, 2))
      })
      manualSeed(1)
      load({ head: 'new', labels: ['a', 'b'], dtype: 'float64' }, model => {
        assert.deepEqual(stateLists(model)['classifier.weight'], start)
      })
    })

    it('draws nothing where nothing is new', () => {
      const before = getRngState()
      load()
      assert.deepEqual(getRngState(), before)
    })

    it('has the spread that the configuration says', () => {
      const wide = tinyModel({ hidden_size: 64, initializer_range: 0.02, vocab_size: 500 })
      const values = stateLists(wide)['bert.embeddings.wordEmbeddings.weight'] as number[][]
      assert.deepEqual(values[0], Array(64).fill(0))
      const flat = values.slice(1).flat()
      const variance = flat.reduce((total, value) => total + value * value, 0) / flat.length
      assert.ok(Math.abs(Math.sqrt(variance) / 0.02 - 1) < 0.02)
      assert.deepEqual(stateLists(wide)['bert.embeddings.layerNorm.weight'], Array(64).fill(1))
      wide.dispose()
    })

    it('makes all of a RoBERTa head new', () => {
      const roberta = tinyModel({ model_type: 'roberta' })
      saveModel(roberta, folder)
      roberta.dispose()
      load({ head: 'new', labels: ['a', 'b'] }, model => {
        const names = ['dense.weight', 'dense.bias', 'out_proj.weight', 'out_proj.bias'].map(
          name => `classifier.${name}`,
        )
        assert.deepEqual(model.origin!.created, names)
      })
    })

    it('has one output for a regression', () => {
      load({ head: 'new', problemType: 'regression' }, model => {
        assert.deepEqual([model.config.labels, model.config.problemType], [['LABEL_0'], 'regression'])
        assert.equal((logitsOf(model) as number[][])[0]!.length, 1)
      })
    })

    it('makes the pooler new only where that is said', () => {
      rename(name => (name.includes('pooler') ? '' : name))
      assert.throws(
        () => load({ head: 'new', labels: ['a', 'b'] }),
        /2 missing: bert\.pooler\.dense\.weight, bert\.pooler\.dense\.bias/,
      )
      load({ pooler: 'new' }, model => assert.equal(model.origin!.created.length, 2))
    })

    it('renames the labels of a head that is there', () => {
      load({ labels: ['x', 'y', 'z'] }, model => {
        assert.deepEqual(model.config.labels, ['x', 'y', 'z'])
        assert.deepEqual(logitsOf(model), logitsOf(source))
      })
    })

    it('refuses labels that do not fit', () => {
      assert.throws(
        () => load({ labels: ['a', 'b'] }),
        /expected 3 labels for the checkpoint's head, got 2; ask for a new head/,
      )
      assert.throws(() => load({ head: 'new' }), /expected the names of the labels for a new head/)
      assert.throws(() => load({ head: 'new', labels: ['a'] }), /expected two labels or more, got 1/)
      assert.throws(() => load({ head: 'new', labels: ['a', 'a'] }), /expected different labels/)
      assert.throws(() => load({ head: 'new', labels: ['a', ''] }), /with a name each/)
      assert.throws(() => load({ head: 'new', labels: [], problemType: 'multi-label' }), /expected a label, got 0/)
    })

    it('refuses the head of another task with the same names', () => {
      configure({ architectures: ['BertForTokenClassification'] })
      assert.throws(() => load(), /got BertForTokenClassification: the checkpoint has no head for this task/)
      load({ head: 'new', labels: ['a', 'b'] })
    })

    it('refuses a head whose size the configuration denies', () => {
      configure({ id2label: { 0: 'a', 1: 'b' } })
      assert.throws(() => load(), /classifier\.weight \(expected \[2, 8\], got \[3, 8\]\).*ask for a new head/)
    })
  })

  it('refuses other tasks, other models and other weights by a sentence', () => {
    assert.throws(
      () => load({ task: 'text-generation' as 'text-classification' }),
      /expected a task of text-classification, token-classification, got text-generation/,
    )
    configure({ model_type: 'zebra' })
    assert.throws(() => load(), /config\.json: expected a model_type of bert, roberta, .*got "zebra"/)
    configure({ model_type: 'bert', is_decoder: true })
    assert.throws(() => load(), /is_decoder true \(a decoder\) is not supported/)
    configure({ is_decoder: false })
    rmSync(weights())
    writeFileSync(join(folder, 'pytorch_model.bin'), '')
    assert.throws(() => load(), /got pytorch_model\.bin, which is pickled/)
    assert.throws(() => loadModel(join(folder, 'none')), /config\.json: expected a JSON file, got no such file/)
  })

  it('reads shards', () => {
    scope(() => {
      const tensors = [...readSafetensors(weights(), { copy: true })]
      const map = Object.fromEntries(tensors.map(([name], at) => [name, `model-${(at % 2) + 1}.safetensors`]))
      for (const file of new Set(Object.values(map))) {
        writeSafetensors(join(folder, file), new Map(tensors.filter(([name]) => map[name] === file)))
      }
      writeJson(join(folder, 'model.safetensors.index.json'), { weight_map: map })
      rmSync(weights())
    })
    load({}, model => assert.deepEqual(logitsOf(model), logitsOf(source)))
  })

  it('refuses to save a model that is no plain one', () => {
    class Wrapped extends Linear {
      readonly inner = new Linear(2, 2)
      readonly dropout = new Dropout(0.1)
    }
    const model = tinyModel()
    const old = model.getModule('bert.encoder.layer.0.attention.self.query')
    model.setModule('bert.encoder.layer.0.attention.self.query', new Wrapped(8, 8))
    assert.throws(
      () => saveModel(model, folder),
      (error: ArgumentError) =>
        error instanceof ArgumentError &&
        /2 unexpected: .*query\.inner\.weight.*merge the adapters first/.test(error.message),
    )
    old.dispose()
    model.dispose()
  })

  it('keeps its weights when the file is replaced', () => {
    load({}, model => {
      const expected = logitsOf(model)
      const other = tinyModel()
      saveModel(other, folder)
      other.dispose()
      assert.deepEqual(logitsOf(model), expected)
      load({}, again => assert.notDeepEqual(logitsOf(again), expected))
    })
  })

  it('is what a copy of the folder is', () => {
    const copy = mkdtempSync(join(tmpdir(), 'bidora-copy-'))
    cpSync(folder, copy, { recursive: true })
    const model = loadModel(copy)
    assert.deepEqual((model.config as EncoderConfig).vocabSize, tinyConfig.vocab_size)
    model.dispose()
    rmSync(copy, { recursive: true })
  })
})
