import { noGrad } from '../autograd/index.ts'
import { ArgumentError, ShapeError } from '../errors.ts'
import { type CausalLanguageModel, type KeyValueCache, type PaddedArrays, toBatch } from '../models/index.ts'
import { select, to } from '../ops/index.ts'
import { scope, tensor } from '../tensor/index.ts'
import { finite } from './scores.ts'

/** Reads texts token by token and gives the scores of what comes next. Prompts are padded on the left. */
export class TokenReader {
  readonly #model: CausalLanguageModel
  readonly #cache: KeyValueCache
  readonly #device: string
  readonly #prompts: readonly (readonly number[])[]
  /** Length of the longest prompt. */
  readonly width: number

  /**
   * @throws ArgumentError for no prompt, one without tokens or with a token that the model does not have; ShapeError for one
   * that leaves no room for an answer.
   */
  constructor(model: CausalLanguageModel, prompts: readonly (readonly number[])[]) {
    checkPrompts(prompts, model.config.vocabSize)
    this.width = Math.max(...prompts.map(prompt => prompt.length))
    if (this.width >= model.maxLength) {
      throw new ShapeError(
        'GENERATION',
        `generate: expected prompts of at most ${model.maxLength - 1} tokens, which leaves room for an answer, got one of ${this.width}; shorten it`,
        { most: model.maxLength - 1, got: this.width },
      )
    }
    this.#model = model
    this.#prompts = prompts
    this.#cache = model.newCache()
    this.#device = model.parameters()[0]!.device
  }

  /**
   * Reads the prompts: the scores of the first token of each answer, float32 [vocabulary] each.
   *
   * @throws BidoraError where a score is no number.
   */
  readPrompts(): Float32Array[] {
    const { width } = this
    const inputIds = new BigInt64Array(this.#prompts.length * width)
    const attentionMask = new BigInt64Array(inputIds.length)
    this.#prompts.forEach((prompt, row) => {
      const start = (row + 1) * width - prompt.length
      prompt.forEach((token, i) => void (inputIds[start + i] = BigInt(token)))
      attentionMask.fill(1n, start, start + prompt.length)
    })
    return this.#read({ layout: 'padded', shape: [this.#prompts.length, width], inputIds, attentionMask })
  }

  /** Reads one more token of each text: the scores of the one after it. Throws as `readPrompts` does. */
  readNext(tokens: readonly number[]): Float32Array[] {
    const attentionMask = new BigInt64Array(tokens.length).fill(1n)
    const inputIds = BigInt64Array.from(tokens, BigInt)
    return this.#read({ layout: 'padded', shape: [tokens.length, 1], inputIds, attentionMask })
  }

  /** Takes the texts at these places as its texts from now on. */
  select(places: readonly number[]): void {
    scope(() => this.#cache.select(tensor([...places], { dtype: 'int64', device: this.#device })))
  }

  dispose(): void {
    this.#cache.dispose()
  }

  #read(arrays: PaddedArrays): Float32Array[] {
    return scope(() =>
      noGrad(() => {
        const { logits } = this.#model.forward(toBatch(arrays, this.#device), { cache: this.#cache, lastOnly: true })
        const flat = to(select(logits, 1, 0), { dtype: 'float32' }).data() as Float32Array // sync
        const vocabulary = logits.shape[2]!
        return Array.from({ length: logits.shape[0]! }, (_, row) =>
          finite(flat.slice(row * vocabulary, (row + 1) * vocabulary), 'generate'),
        )
      }),
    )
  }
}

function checkPrompts(prompts: readonly (readonly number[])[], vocabSize: number): void {
  const refused = (expected: string, got: string, advice: string) =>
    new ArgumentError('GENERATION', `generate: expected ${expected}, got ${got}; ${advice}`)
  if (prompts.length === 0) throw refused('a prompt or more', 'none', 'give a list with the tokens of each')
  for (const [place, prompt] of prompts.entries()) {
    if (prompt.length === 0)
      throw refused(
        'prompts with a token each',
        `none in prompt ${place}`,
        'begin it with bos_token_id or leave it out',
      )
    const wrong = prompt.findIndex(token => !Number.isSafeInteger(token) || token < 0 || token >= vocabSize)
    if (wrong < 0) continue
    const tokens = `tokens that are whole numbers from 0 below ${vocabSize}`
    throw refused(tokens, `${String(prompt[wrong])} in prompt ${place}`, "use the model's own tokenizer")
  }
}
