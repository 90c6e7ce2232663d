import { noGrad } from '../autograd/index.ts'
import { ArgumentError, ShapeError } from '../errors.ts'
import { type CausalLanguageModel, type KeyValueCache, type PaddedArrays, toBatch } from '../models/index.ts'
import { select, to } from '../ops/index.ts'
import { scope, tensor } from '../tensor/index.ts'

/** Reads texts token by token and gives the scores of what comes next. Prompts are padded on the left. */
export class TokenReader {
  readonly #model: CausalLanguageModel
  readonly #cache: KeyValueCache
  readonly #device: string
  readonly #prompts: readonly (readonly number[])[]
  /** Length of the longest prompt. */
  readonly width: number

  /** @throws ArgumentError for a prompt without tokens, ShapeError for one that leaves no room for an answer. */
  constructor(model: CausalLanguageModel, prompts: readonly (readonly number[])[]) {
    const lengths = prompts.map(prompt => prompt.length)
    const empty = lengths.indexOf(0)
    if (empty >= 0 || prompts.length === 0)
      throw new ArgumentError('GENERATION', `generate: expected prompts with a token each, got none in prompt ${empty}`)
    this.width = Math.max(...lengths)
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

  /** Reads the prompts: the scores of the first token of each answer, float32 [vocabulary] each. */
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

  /** Reads one more token of each text: the scores of the one after it. */
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
          flat.slice(row * vocabulary, (row + 1) * vocabulary),
        )
      }),
    )
  }
}
