import assert from 'node:assert/strict'
import { mock } from 'node:test'
import { adaptedLayers, mergeAdapters, prepareModel } from '../../../lib/adapters/index.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { AbortError, ArgumentError } from '../../../lib/errors.ts'
import type { CausalLanguageModel } from '../../../lib/models/index.ts'
import { AnswerText } from '../../../lib/predict/answer-text.ts'
import { searchBeams } from '../../../lib/predict/beam-search.ts'
import { checkGeneration, type GenerationOptions } from '../../../lib/predict/generation-options.ts'
import { generateSteps, generateTexts, generateTokens, streamText } from '../../../lib/predict/index.ts'
import { constrain, samplingProbabilities, tokenAt } from '../../../lib/predict/next-token.ts'
import { TokenReader } from '../../../lib/predict/token-reader.ts'
import { manualSeed, memoryStats, reclaimMemory } from '../../../lib/tensor/index.ts'
import { Tokenizer } from '../../../lib/text/index.ts'
import { bpeFolder } from '../../parity/text-golden.ts'
import { bpeFolderWith, removeFolders } from '../text/folders.ts'
import { tinyLanguageModel } from '../models/tiny-gpt2.ts'

const prompts = ['The film is', 'A', 'naïve café, quite long as prompts go', 'Two men']
const config = {
  vocab_size: 1100,
  n_positions: 64,
  bos_token_id: 0,
  eos_token_id: 2,
  resid_pdrop: 0.5,
  initializer_range: 0.3,
}

describe('predict: text generation', () => {
  let model: CausalLanguageModel
  let tokenizer: Tokenizer
  before(async () => {
    tokenizer = await Tokenizer.fromDir(bpeFolder)
    manualSeed(5)
    model = tinyLanguageModel(config, { dtype: 'float64' })
    reclaimMemory()
  })
  after(() => {
    model.dispose()
    removeFolders()
  })

  const drawn = { doSample: true, temperature: 1.2, topK: 50, topP: 0.95, seed: 3, maxNewTokens: 12 } as const
  for (const [name, options] of [
    ['greedy', { maxNewTokens: 12 }],
    ['with beams', { maxNewTokens: 8, numBeams: 3 }],
    ['drawn', drawn],
  ] as const) {
    it(`gives each prompt what it gets alone, ${name}, without dropout`, async () => {
      model.train()
      const alone = []
      for (const [i, prompt] of prompts.entries()) {
        if (name === 'drawn' && i > 0) continue // draws go by the prompt's number
        alone.push(...(await generateTexts(model, tokenizer, [prompt], options)))
      }
      const together = await generateTexts(model, tokenizer, prompts, { ...options, batchSize: 2 })
      assert.deepEqual(together.slice(0, alone.length), alone)
      assert.deepEqual(await generateTexts(model, tokenizer, prompts, options), together)
      assert.equal(model.training, true)
      assert.ok(new Set(together.map(({ text }) => text)).size > 1)
      for (const { tokens, finish } of together) assert.ok(finish === 'eos' || tokens === options.maxNewTokens)
    })
  }

  it('reads a prompt to its end, however short the texts are that its tokenizer cuts to', async () => {
    const short = await Tokenizer.fromDir(bpeFolderWith({ 'tokenizer_config.json': { model_max_length: 5 } }))
    assert.equal(short.maxLength, 5)
    const options = { maxNewTokens: 3 }
    const whole = await generateTexts(model, tokenizer, prompts, options)
    assert.deepEqual(await generateTexts(model, short, prompts, options), whole)
  })

  it('draws otherwise with another seed', async () => {
    const [a, b] = await Promise.all([3, 4].map(seed => generateTexts(model, tokenizer, prompts, { ...drawn, seed })))
    assert.notDeepEqual(a, b)
  })

  it('draws tokens as often as they are likely', async () => {
    const options = { doSample: true, temperature: 3, topK: 6, maxNewTokens: 1 }
    const reader = new TokenReader(model, [[5]])
    const probabilities = samplingProbabilities(reader.readPrompts()[0]!, checkGeneration(options, model.config))
    reader.dispose()
    const count = 2000
    const counts = new Map<number, number>()
    for (const { tokens } of await generateTokens(
      model,
      Array.from({ length: count }, () => [5]),
      options,
    ))
      counts.set(tokens[0]!, (counts.get(tokens[0]!) ?? 0) + 1)
    assert.equal(probabilities.filter(probability => probability > 0).length, 6)
    for (const [token, p] of probabilities.entries()) {
      const spread = Math.sqrt(count * p * (1 - p))
      assert.ok(Math.abs((counts.get(token) ?? 0) - count * p) <= 4 * spread, `token ${token}`)
    }
  })

  it('ends at a stop text, which it leaves out, with beams too', async () => {
    for (const options of [{ maxNewTokens: 12 }, { maxNewTokens: 12, numBeams: 2 }]) {
      const [whole] = await generateTexts(model, tokenizer, prompts, options)
      const stop = whole!.text.slice(5, 7)
      const [cut] = await generateTexts(model, tokenizer, prompts, { ...options, stop: ['never there', stop] })
      assert.equal(cut!.finish, 'stop')
      assert.ok(!cut!.text.includes(stop) && cut!.tokens <= whole!.tokens)
      if (!('numBeams' in options)) assert.equal(cut!.text, whole!.text.slice(0, whole!.text.indexOf(stop)))
    }
  })

  it('streams the same text in pieces, drawn and with stop texts too', async () => {
    const [whole] = await generateTexts(model, tokenizer, prompts, { maxNewTokens: 12 })
    for (const options of [{ maxNewTokens: 12 }, { ...drawn }, { maxNewTokens: 12, stop: [whole!.text.slice(5, 8)] }]) {
      const [expected] = await generateTexts(model, tokenizer, [prompts[0]!], options)
      const stream = streamText(model, tokenizer, prompts[0]!, options)
      const pieces: string[] = []
      let next = await stream.next()
      while (!next.done) {
        pieces.push(next.value)
        next = await stream.next()
      }
      assert.deepEqual({ text: pieces.join(''), ...next.value }, expected)
      assert.ok(pieces.length > ('stop' in options ? 0 : 2) && !pieces.includes(''))
    }
  })

  it('frees everything when a stream is left early, and when it is stopped', async () => {
    const before = memoryStats().liveTensors
    for await (const piece of streamText(model, tokenizer, 'The film', { maxNewTokens: 12 })) {
      assert.notEqual(piece, '')
      assert.ok(memoryStats().liveTensors > before)
      break
    }
    assert.equal(memoryStats().liveTensors, before)
    for (const options of [{}, { numBeams: 2 }] satisfies GenerationOptions[]) {
      let asked = 0
      await assert.rejects(
        generateTexts(model, tokenizer, prompts, options, { shouldStop: () => ++asked === 3 }),
        (error: Error) => error instanceof AbortError,
      )
      assert.equal(asked, 3)
      assert.equal(memoryStats().liveTensors, before)
    }
  })

  it('ends at a signal, at its next step', async () => {
    const before = memoryStats().liveTensors
    const controller = new AbortController()
    const pieces: string[] = []
    await assert.rejects(
      async () => {
        const stream = streamText(
          model,
          tokenizer,
          'The film',
          { maxNewTokens: 12, eosTokenId: [] },
          { signal: controller.signal },
        )
        for await (const piece of stream) {
          pieces.push(piece)
          controller.abort(new Error('enough'))
        }
      },
      (error: Error) => error instanceof AbortError && (error.cause as Error).message === 'enough',
    )
    assert.equal(pieces.length, 1)
    const { signal } = controller
    const forward = mock.method(model, 'forward')
    for (const numBeams of [1, 2])
      await assert.rejects(generateTexts(model, tokenizer, prompts, { numBeams }, { signal }), AbortError)
    assert.equal(forward.mock.callCount(), 0)
    forward.mock.restore()
    assert.equal(memoryStats().liveTensors, before)
  })

  it('is refused where scores are no numbers', async () => {
    const broken = tinyLanguageModel(config)
    const before = memoryStats().liveTensors
    noGrad(() => void broken.parameters().at(-1)!.fill_(Number.NaN))
    for (const numBeams of [1, 2]) {
      await assert.rejects(generateTokens(broken, [[5], [6]], { numBeams }), {
        code: 'LOGITS_NOT_FINITE',
        message: /generate: expected finite logits, got NaN at 0 of 1100/,
      })
    }
    assert.equal(memoryStats().liveTensors, before)
    broken.dispose()
  })

  it('leaves out of its batches what is finished', async () => {
    const first = await generateTokens(model, [[5], [6], [7]], { maxNewTokens: 6, eosTokenId: [] })
    const eosTokenId = [first[1]!.tokens[1]!] // the second answer ends after two tokens
    const steps: number[] = []
    for await (const { prompt } of generateSteps(model, [[5], [6], [7]], { maxNewTokens: 6, eosTokenId }))
      steps.push(prompt)
    assert.equal(steps.filter(prompt => prompt === 1).length, 2)
    assert.equal(steps.filter(prompt => prompt === 2).length, 6)
    const again = await generateTokens(model, [[5], [6], [7]], { maxNewTokens: 6, eosTokenId })
    assert.deepEqual(
      again.map(({ finish }) => finish),
      ['length', 'eos', 'length'],
    )
    assert.deepEqual([again[0]!.tokens, again[2]!.tokens], [first[0]!.tokens, first[2]!.tokens])
  })

  it('answers with adapters, merged or not', async () => {
    manualSeed(5)
    const adapted = tinyLanguageModel(config, { dtype: 'float64' })
    const options = { maxNewTokens: 10, numBeams: 2 }
    const plain = await generateTokens(adapted, [[5, 6], [7]], options)
    prepareModel(adapted, { method: 'bidora', rank: 2, loraAlpha: 64, targetModules: ['c_attn', 'c_fc'], head: [] })
    assert.deepEqual(await generateTokens(adapted, [[5, 6], [7]], options), plain)
    noGrad(() => {
      for (const layer of adaptedLayers(adapted).values()) layer.loraB.fill_(0.5)
    })
    const moved = await generateTokens(adapted, [[5, 6], [7]], options)
    assert.notDeepEqual(moved, plain)
    mergeAdapters(adapted).finish()
    assert.deepEqual(await generateTokens(adapted, [[5, 6], [7]], options), moved)
    adapted.dispose()
  })

  it('ends where the model can read no more, and begins an empty prompt', async () => {
    const [long] = await generateTokens(model, [Array.from({ length: 60 }, () => 9)], { eosTokenId: [] })
    assert.deepEqual([long!.tokens.length, long!.finish], [4, 'length'])
    const [empty] = await generateTexts(model, tokenizer, [''], { maxNewTokens: 3, eosTokenId: [] })
    const [begun] = await generateTokens(model, [[0]], { maxNewTokens: 3, eosTokenId: [] })
    assert.equal(empty!.text, await tokenizer.decode(begun!.tokens))
    await assert.rejects(
      generateTokens(model, [Array.from({ length: 64 }, () => 9)]),
      /at most 63 tokens, .* got one of 64/,
    )
    await assert.rejects(generateTokens(model, [[1], []]), /a token each, got none in prompt 1/)
    await assert.rejects(generateTokens(model, []), {
      name: 'ArgumentError',
      message: /a prompt or more, got none; give/,
    })
    for (const token of [1.5, -1, 1100]) {
      const message = new RegExp(`whole numbers from 0 below 1100, got ${token} in prompt 1; use`)
      await assert.rejects(generateTokens(model, [[1], [2, token]]), { name: 'ArgumentError', message })
    }
    const other = tinyLanguageModel({ ...config, bos_token_id: null })
    await assert.rejects(
      generateTexts(other, tokenizer, ['a', '']),
      /an empty one at 1, and the model has no bos_token_id/,
    )
    other.dispose()
  })

  it('refuses options that cannot be meant or that nothing reads', async () => {
    for (const [options, expected] of [
      [{ maxNewTokens: 0 }, /maxNewTokens: expected a whole number from 1, got 0/],
      [{ topP: 0, doSample: true }, /topP: expected a number above 0 and at most 1/],
      [{ temperature: 0.5 }, /temperature: expected doSample beside it/],
      [{ seed: 1, numBeams: 2 }, /seed: expected doSample beside it/],
      [{ lengthPenalty: 2 }, /lengthPenalty: expected numBeams above 1 beside it/],
      [{ doSample: true, numBeams: 2 }, /numBeams: expected one beam with doSample/],
      [{ minNewTokens: 3, minLength: 5 }, /only one of minLength and minNewTokens/],
      [{ minNewTokens: 9, maxNewTokens: 5 }, /minNewTokens: expected at most maxNewTokens 5/],
      [{ eosTokenId: 1100 }, /eosTokenId: expected tokens below 1100/],
      [{ stop: [''] }, /stop: expected a list of texts, none empty/],
      [{ eosTokenId: null } as unknown as GenerationOptions, /eosTokenId: expected tokens below 1100, got null; give/],
      [{ toString: 1 } as unknown as GenerationOptions, /toString: expected one of maxNewTokens.*; check its spelling/],
      [{ topK: -1 }, /topK: expected a whole number from 0, got -1; correct it, or leave it out for 0/],
      [{ top_k: 3 } as GenerationOptions, /top_k: expected one of maxNewTokens/],
      [{ batchSize: 0 } as GenerationOptions, /batchSize: expected a whole number from 1/],
      [{ batchSize: 1.5 } as GenerationOptions, /batchSize: expected a whole number from 1/],
    ] satisfies [GenerationOptions, RegExp][]) {
      await assert.rejects(generateTexts(model, tokenizer, ['a'], options), {
        name: 'ArgumentError',
        message: expected,
      })
    }
    await assert.rejects(streamText(model, tokenizer, 'a', { numBeams: 2 }).next(), ArgumentError)
  })
})

describe('predict: beams', () => {
  it('go on as long as the present length lets them get better where the power of the length is negative', async () => {
    // Probabilities of two ending tokens and one more, step by step; transformers 5.23 answers 2 2 0 to them.
    const steps = [
      [0.1, 0.05, 0.85],
      [0.09, 0.01, 0.9],
      [0.99, 0.005, 0.005],
    ]
    let step = 0
    const next = () => {
      const probabilities = steps[Math.min(step++, 2)]!
      return [1, 2].map(() => Float32Array.from(probabilities, Math.log))
    }
    const reader = { width: 1, readPrompts: () => next().slice(0, 1), readNext: next, select: () => {} }
    const given = {
      numBeams: 2,
      lengthPenalty: -1,
      earlyStopping: 'never',
      maxNewTokens: 23,
      eosTokenId: [0, 1],
    } as const
    const [answer] = await searchBeams(reader as unknown as TokenReader, [[2]], {
      generation: checkGeneration(given, { vocabSize: 3 } as Parameters<typeof checkGeneration>[1]),
      end: 24,
      finishOf: async (tokens, isLong) => (tokens.at(-1)! < 2 ? 'eos' : isLong ? 'length' : undefined),
      pause: async () => {},
    })
    assert.deepEqual(answer, { tokens: [2, 2, 0], finish: 'eos' })
  })
})

describe('predict: the next token', () => {
  const base = { vocabSize: 5, bosTokenId: 0, eosTokenId: 4, padTokenId: 0 } as Parameters<typeof checkGeneration>[1]
  const history = (tokens: number[], answered = 0) => ({ tokens, length: tokens.length, answered })
  const scores = () => Float32Array.of(2, -1, 0.5, 1, 3)

  it('is chosen by the options of transformers where nothing is said, up to 128 times', () => {
    assert.deepEqual(checkGeneration({}, base), {
      maxNewTokens: 128,
      minNewTokens: 0,
      minLength: 0,
      numBeams: 1,
      lengthPenalty: 1,
      earlyStopping: false,
      noRepeatNgramSize: 0,
      repetitionPenalty: 1,
      doSample: false,
      temperature: 1,
      topK: 0,
      topP: 1,
      seed: 0,
      stop: [],
      eosTokens: [4],
    })
    assert.deepEqual(checkGeneration({}, { ...base, eosTokenId: undefined }).eosTokens, [])
  })

  it('is penalised, banned and put off by the rules', () => {
    const of = (options: GenerationOptions, tokens: number[], answered = 0) => [
      ...constrain(scores(), history(tokens, answered), checkGeneration(options, base)),
    ]
    assert.deepEqual(of({ repetitionPenalty: 2 }, [0, 1, 0]), [1, -2, 0.5, 1, 3])
    assert.deepEqual(of({ noRepeatNgramSize: 2 }, [1, 3, 2, 1]), [2, -1, 0.5, -Infinity, 3])
    assert.deepEqual(of({ noRepeatNgramSize: 3 }, [1, 3, 2, 1, 3]), [2, -1, -Infinity, 1, 3])
    assert.deepEqual(of({ noRepeatNgramSize: 3 }, [1, 1]), [2, -1, 0.5, 1, 3])
    assert.deepEqual(of({ noRepeatNgramSize: 1 }, [2, 0]), [-Infinity, -1, -Infinity, 1, 3])
    assert.deepEqual(of({ minNewTokens: 2 }, [1, 2, 3], 1), [2, -1, 0.5, 1, -Infinity])
    assert.deepEqual(of({ minNewTokens: 2 }, [1, 2, 3], 2), [2, -1, 0.5, 1, 3])
    assert.deepEqual(of({ minLength: 3 }, [1, 2]), [2, -1, 0.5, 1, -Infinity])
    assert.deepEqual(of({ minLength: 3 }, [1, 2, 3]), [2, -1, 0.5, 1, 3])
  })

  it('is drawn as often as it is likely', () => {
    const generation = checkGeneration({ doSample: true, topK: 3, temperature: 0.7 }, base)
    const probabilities = samplingProbabilities(scores(), generation)
    const weights = [2, 1, 3].map(score => Math.exp(score / Math.fround(0.7)))
    const sum = weights.reduce((a, b) => a + b)
    const expected = [weights[0]! / sum, 0, 0, weights[1]! / sum, weights[2]! / sum]
    probabilities.forEach((value, token) => assert.ok(Math.abs(value - expected[token]!) < 1e-6))
    // Places on a grid fall to a token in proportion to its probability, and never to one without.
    const counts = new Float64Array(5)
    for (let i = 0; i < 10000; i++) counts[tokenAt(probabilities, i / 10000)]!++
    counts.forEach((count, token) => assert.ok(Math.abs(count / 10000 - probabilities[token]!) < 2e-4))
    assert.equal(tokenAt(Float64Array.of(0.5, 0.5 - 1e-12, 0), 1 - 1e-16), 1)
    assert.equal(tokenAt(Float64Array.of(0.5, 0.5), 0.5), 1)
    assert.equal(tokenAt(Float64Array.of(0, 1), 0), 1)
  })
})

describe('predict: the text of an answer', () => {
  /** Each token is a byte. */
  const bytes = { decode: async (tokens: readonly number[]) => Buffer.from(tokens).toString('utf8') } as Tokenizer

  async function piecesOf(text: string, stop: string[]): Promise<string[]> {
    const answer = new AnswerText(bytes, stop)
    const all = [...Buffer.from(text)]
    const pieces: string[] = []
    for (let length = 1; length <= all.length; length++) pieces.push(await answer.next(all.slice(0, length)))
    return [...pieces, await answer.rest(all)].filter(piece => piece !== '')
  }

  it('holds back parts of characters and of stop texts', async () => {
    assert.deepEqual(await piecesOf('né🙂!', []), ['n', 'é', '🙂', '!'])
    assert.deepEqual(await piecesOf('a##b#', ['###']), ['a', '##b', '#'])
    assert.deepEqual(await piecesOf('ab##', ['###', '##']), ['a', 'b'])
    assert.deepEqual(await piecesOf('xyxyz', ['xyz']), ['xy'])
    assert.deepEqual(await piecesOf('a.b!c', ['!', '.']), ['a']) // at the one that stands first
  })

  it('gives what cannot become a character in the end', async () => {
    const answer = new AnswerText(bytes, [])
    assert.equal(await answer.next([0x61, 0xf0, 0x9f]), 'a')
    assert.equal(await answer.rest([0x61, 0xf0, 0x9f]), '\uFFFD')
  })
})
