import { FormatError } from '../errors.ts'

/** A piece of a SentencePiece vocabulary. */
export interface Piece {
  readonly piece: string
  /** Logarithm of its probability. */
  readonly score: number
  /** 1 an ordinary one, 2 the unknown, 3 a control symbol, 4 one that the trainer was given, 5 one out of use, 6 a byte. */
  readonly type: number
}

/** What a tokenizer needs of `spm.model`. */
export interface SentencePieceModel {
  readonly pieces: readonly Piece[]
  /** 1 is Unigram. */
  readonly modelType: number
  readonly unkId: number
  readonly byteFallback: boolean
  /** How characters are normalised, as the tokenizers library reads it; empty where they stay. */
  readonly charsMap: Uint8Array
  /** Whether a space is put before the text. */
  readonly addDummyPrefix: boolean
}

type Value = number | Uint8Array
/** Values of a message by the number of their field, in their order. */
type Message = ReadonlyMap<number, readonly Value[]>

/**
 * Reads a file of SentencePiece, a message of Protocol Buffers (sentencepiece_model.proto of google/sentencepiece; the
 * numbers below are its fields').
 *
 * @param file names it in errors
 * @throws FormatError for a file that is none
 */
export function readSentencePiece(bytes: Uint8Array, file: string): SentencePieceModel {
  try {
    const model = readMessage(bytes)
    const trainer = readMessage(last(model, 2) ?? new Uint8Array())
    const normalizer = readMessage(last(model, 3) ?? new Uint8Array())
    const pieces = (model.get(1) ?? []).map(value => readPiece(value))
    if (pieces.length === 0) throw new Error('no pieces')
    return {
      pieces,
      modelType: number(trainer, 3, 1),
      unkId: number(trainer, 40, 0),
      byteFallback: number(trainer, 35, 0) === 1,
      charsMap: last(normalizer, 2) ?? new Uint8Array(),
      addDummyPrefix: number(normalizer, 3, 1) === 1,
    }
  } catch (error) {
    throw new FormatError(
      'tokenizer-broken',
      `${file}: expected a model of SentencePiece, got a fault (${(error as Error).message}); copy the file again`,
      { file },
      { cause: error },
    )
  }
}

function readPiece(value: Value): Piece {
  if (!(value instanceof Uint8Array)) throw new Error('a piece that is no message')
  const message = readMessage(value)
  const text = last(message, 1)
  if (!text) throw new Error('a piece without text')
  return {
    piece: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text),
    score: number(message, 2, 0),
    type: number(message, 3, 1),
  }
}

function number(message: Message, field: number, fallback: number): number {
  const value = message.get(field)?.at(-1)
  return typeof value === 'number' ? value : fallback
}

function last(message: Message, field: number): Uint8Array | undefined {
  const value = message.get(field)?.at(-1)
  return value instanceof Uint8Array ? value : undefined
}

/** Wire types: 0 a varint, 1 eight bytes (skipped here), 2 bytes with their length before them, 5 a float of four bytes. */
function readMessage(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const fields = new Map<number, Value[]>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = view.getUint8(at++)
      value += (byte & 127) * factor
      if (byte < 128) return value
      if (factor > 2 ** 63) throw new Error('a number of more than ten bytes')
    }
  }
  while (at < bytes.length) {
    const key = varint()
    const [field, wire] = [Math.floor(key / 8), key % 8]
    const values = fields.get(field) ?? []
    fields.set(field, values)
    if (wire === 0) {
      values.push(varint())
    } else if (wire === 1) {
      at += 8
    } else if (wire === 2) {
      const length = varint()
      if (at + length > bytes.length) throw new Error('an end before its time')
      values.push(bytes.subarray(at, at + length))
      at += length
    } else if (wire === 5) {
      values.push(view.getFloat32(at, true))
      at += 4
    } else {
      throw new Error(`a field of wire type ${wire}`)
    }
  }
  return fields
}
