import { noGrad } from '../autograd/index.ts'
import { copy_, empty, indexSelect, narrow } from '../ops/index.ts'
import { keep, type Tensor } from '../tensor/index.ts'

/** Keys and values of one layer, [batch, room, hidden], of which the first `length` tokens are there. */
export class LayerCache {
  #keys: Tensor | undefined
  #values: Tensor | undefined
  #length = 0

  /** Tokens that it holds of each text. */
  get length(): number {
    return this.#length
  }

  /**
   * Adds those of the next tokens, [batch, seq, hidden], and gives all that there are, [batch, length, hidden]. They carry
   * no gradient.
   */
  append(keys: Tensor, values: Tensor): [keys: Tensor, values: Tensor] {
    const [past, length] = [this.#length, this.#length + keys.shape[1]!]
    noGrad(() => {
      this.#keys = grown(this.#keys, keys, past, length)
      this.#values = grown(this.#values, values, past, length)
    })
    this.#length = length
    return [narrow(this.#keys!, 1, 0, length), narrow(this.#values!, 1, 0, length)]
  }

  /** Takes the texts at these places, [n] int64, as the batch from now on. */
  select(places: Tensor): void {
    this.#keys = replaced(this.#keys, places)
    this.#values = replaced(this.#values, places)
  }

  dispose(): void {
    this.#keys?.dispose()
    this.#values?.dispose()
    this.#keys = this.#values = undefined
    this.#length = 0
  }
}

/** What a language model remembers of the tokens that it has read, so that the next one costs one token's work. */
export class KeyValueCache {
  readonly layers: readonly LayerCache[]
  #kept: Tensor | undefined

  constructor(layers: number) {
    this.layers = Array.from({ length: layers }, () => new LayerCache())
  }

  /** Tokens that it holds of each text, padding too. */
  get length(): number {
    return this.layers.at(-1)?.length ?? 0
  }

  /** Which of them are no padding, bool [batch, length]; absent where all are. */
  get kept(): Tensor | undefined {
    return this.#kept
  }

  /** Says which tokens are no padding, after a forward pass. */
  remember(kept: Tensor | undefined): void {
    if (kept === this.#kept) return
    this.#kept?.dispose()
    this.#kept = kept && keep(kept)
  }

  /** Takes the texts at these places, [n] int64, as the batch from now on: of beams, or of texts that are not finished. */
  select(places: Tensor): void {
    for (const layer of this.layers) layer.select(places)
    if (this.#kept) this.remember(indexSelect(this.#kept, 0, places))
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose()
    this.remember(undefined)
  }
}

/** The room with the new tokens in it; twice as much room where it is full. */
function grown(room: Tensor | undefined, added: Tensor, past: number, length: number): Tensor {
  const [batch, , hidden] = added.shape as [number, number, number]
  const { dtype, device } = added
  let place = room
  if (!place || place.shape[1]! < length) {
    place = keep(empty([batch, Math.max(length, 2 * past), hidden], { dtype, device }))
    if (room) {
      copy_(narrow(place, 1, 0, past), narrow(room, 1, 0, past))
      room.dispose()
    }
  }
  copy_(narrow(place, 1, past, length - past), added)
  return place
}

function replaced(room: Tensor | undefined, places: Tensor): Tensor | undefined {
  if (!room) return undefined
  const selected = keep(indexSelect(room, 0, places))
  room.dispose()
  return selected
}
