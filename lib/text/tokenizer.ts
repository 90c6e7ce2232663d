import { ArgumentError, ConfigError } from '../errors.ts'
import type { PadOptions } from './batch.ts'
import {
  checkInputs,
  type EncodedIds,
  type EncodedText,
  type EncodeOptions,
  encodeTexts,
  type TextInput,
} from './encode.ts'
import {
  checkSentences,
  encodeSentences,
  type EncodedWords,
  type EncodeWordsOptions,
  surroundingsOf,
} from './encode-words.ts'
import {
  asObject,
  objectOf,
  readModelConfig,
  readTokenizerFiles,
  type TokenizerFiles,
  writeTokenizerFiles,
} from './files.ts'
import { fileSettings, folderSettings, type TokenizerSettings } from './settings.ts'
import { countSpecials, loadLibrary, type NativeTokenizer, openTokenizer } from './library.ts'
import { sourceForWords, type TokenizerSource, tokenizerSource } from './source.ts'
import { declaredTokens, type Role, tokensByRole } from './special-tokens.ts'

export interface FromDirOptions {
  /** Use the truncation and padding written in tokenizer.json as defaults (MiniLM's file: 128, fixed). Default false. */
  useFileSettings?: boolean
  /** Where the model's config.json lies, if not in the tokenizer's folder (an adapter's folder has none). */
  modelDir?: string
}

/** What a tokenizer is made of. */
interface Parts {
  native: NativeTokenizer
  files: TokenizerFiles
  settings: TokenizerSettings
  /** A token to fill up with where there is no pad token. */
  fillId: number
  specialTokens: Partial<Record<Role, string>>
  specials: { single: number; pair: number }
  /** Makes the tokenizer for words that stand alone, where it is another one. */
  openForWords: () => NativeTokenizer | undefined
}

/**
 * Texts to token ids and back, with the files of a Hugging Face folder. It holds no state between calls: any number of
 * calls may run at once, and each worker thread may have its own.
 *
 * @example
 * ```ts
 * const tokenizer = await Tokenizer.fromDir('./all-MiniLM-L6-v2')
 * const encoded = await tokenizer.encode([{ text: 'a fine film' }, { text: 'A man sleeps.', pair: 'He is awake.' }], { maxLength: 128 })
 * const batch = padBatch(encoded, tokenizer.padding())
 * const { truncated } = truncationReport(encoded)
 * ```
 */
export class Tokenizer {
  readonly #native: NativeTokenizer
  readonly #files: TokenizerFiles
  readonly #settings: TokenizerSettings
  readonly #fillId: number
  readonly #specials: { single: number; pair: number }
  readonly #openForWords: () => NativeTokenizer | undefined
  #forWords: NativeTokenizer | undefined
  #vocabSize: number | undefined

  /** The folder it was read from. */
  readonly dir: string
  /** Tokens that fit the model, special tokens included; null where the folder does not say. */
  readonly maxLength: number | null
  /** The token of each part (`cls`, `sep`, `pad`, `mask`, ...) that the tokenizer has. */
  readonly specialTokens: Readonly<Partial<Record<Role, string>>>

  private constructor({ native, files, settings, fillId, specialTokens, specials, openForWords }: Parts) {
    this.#native = native
    this.#files = files
    this.#settings = settings
    this.#fillId = fillId
    this.#specials = specials
    this.#openForWords = openForWords
    this.dir = files.dir
    this.maxLength = settings.maxLength
    this.specialTokens = specialTokens
  }

  /**
   * Reads tokenizer.json of a folder, or makes it of the vocabulary files of a BERT, DistilBERT, RoBERTa, ESM or DeBERTa folder.
   *
   * @throws FormatError where files are missing or broken; SetupError where the library has no binary for this system.
   */
  static async fromDir(
    dir: string,
    { useFileSettings = false, modelDir = dir }: FromDirOptions = {},
  ): Promise<Tokenizer> {
    const files = await readTokenizerFiles(dir)
    const model = await readModelConfig(modelDir)
    const config = objectOf(files, 'tokenizer_config.json') ?? {}
    const source = tokenizerSource(files, model)
    const library = await loadLibrary()
    const declared = declaredTokens(config, objectOf(files, 'special_tokens_map.json'))
    const openDeclared = (from: TokenizerSource) => {
      const opened = openTokenizer(library, from, dir)
      const added = new Set(
        Array.isArray(from.parsed.added_tokens) ? from.parsed.added_tokens.map(token => asObject(token)?.content) : [],
      )
      for (const token of declared.values()) {
        // A declared token is one token wherever it stands in a text, as in transformers, though tokenizer.json forgot it.
        if (!token || added.has(token.content) || opened.tokenToId(token.content) === null) continue
        const { content, lstrip, rstrip, singleWord, normalized } = token
        opened.addAddedTokens([
          new library.AddedToken(content, true, { leftStrip: lstrip, rightStrip: rstrip, singleWord, normalized }),
        ])
      }
      return opened
    }
    const native = openDeclared(source)
    const specialTokens = tokensByRole(declared, token => native.tokenToId(token) !== null)
    const idOf = (token: string | undefined) => (token === undefined ? null : native.tokenToId(token))
    const settings = folderSettings(config, model, idOf(specialTokens.pad))
    // The ending token, which a classifier of the model goes by then, before any other.
    const [ending] = [model.eos_token_id].flat()
    const isToken = Number.isInteger(ending) && native.idToToken(ending as number) !== null
    const fillId = isToken ? (ending as number) : (idOf(specialTokens.eos) ?? idOf(specialTokens.unk) ?? 0)
    return new Tokenizer({
      native,
      files,
      fillId,
      settings: useFileSettings ? fileSettings(settings, source.parsed) : settings,
      specialTokens,
      specials: { single: await countSpecials(native, null), pair: await countSpecials(native, '') },
      openForWords: () => {
        const forWords = sourceForWords(files, model)
        return forWords && openDeclared(forWords)
      },
    })
  }

  /**
   * Tokenises texts on the library's threads; the event loop stays free but for milliseconds at a time.
   *
   * Lone surrogates are read as U+FFFD; control characters and NUL are what the tokenizer makes of them. Names of special
   * tokens in a text (`[SEP]`) are those tokens, as in transformers.
   *
   * @returns one entry a text, in order; `alignment: false` leaves out what only token tasks need.
   * @throws ArgumentError for anything but texts, a `maxLength` without room for one token, and a text that the chosen
   * truncation cannot make fit; AbortError when the signal stops it.
   */
  async encode(inputs: readonly TextInput[], options: EncodeOptions & { alignment: false }): Promise<EncodedIds[]>
  async encode(inputs: readonly TextInput[], options?: EncodeOptions): Promise<EncodedText[]>
  async encode(inputs: readonly TextInput[], options: EncodeOptions = {}): Promise<EncodedIds[]> {
    checkInputs(inputs)
    const { maxLength = this.maxLength, truncation = this.#settings.truncation, addSpecialTokens = true } = options
    checkTruncation(truncation)
    const isPaired = inputs.some(({ pair }) => pair !== undefined)
    checkLength('encode', maxLength, addSpecialTokens ? (isPaired ? this.#specials.pair : this.#specials.single) : 0)
    return encodeTexts(this.#native, inputs, {
      maxLength,
      truncation,
      truncationSide: this.#settings.truncationSide,
      addSpecialTokens,
      alignment: options.alignment ?? true,
      signal: options.signal,
    })
  }

  /**
   * Tokenises sentences that are words already, each word by itself, as `is_split_into_words` has it in transformers (and
   * `add_prefix_space` for byte-level tokenizers). A sentence longer than `maxLength` becomes several windows of whole
   * words; a single word that is longer is cut.
   *
   * @example const [sentence] = await tokenizer.encodeWords([['Ada', 'wrote']], { maxLength: 128, stride: 32 })
   * @throws ArgumentError for anything but lists of words, and for a `maxLength` or `stride` out of range; AbortError when
   * the signal stops it.
   */
  async encodeWords(
    sentences: readonly (readonly string[])[],
    options: EncodeWordsOptions = {},
  ): Promise<EncodedWords[]> {
    checkSentences(sentences)
    const { maxLength = this.maxLength, stride = 0, memo = new Map(), signal } = options
    checkLength('encodeWords', maxLength, this.#specials.single)
    if (!Number.isSafeInteger(stride) || stride < 0 || (maxLength !== null && stride >= maxLength)) {
      throw new ArgumentError(
        'text-stride',
        `encodeWords: expected stride to be a whole number from 0 below maxLength (${String(maxLength)}), got ${String(stride)}`,
        { stride, maxLength },
      )
    }
    this.#forWords ??= this.#openForWords() ?? this.#native
    return encodeSentences(this.#forWords, sentences, {
      surroundings: await surroundingsOf(this.#native),
      maxLength,
      stride,
      memo,
      signal,
    })
  }

  /**
   * How this tokenizer pads, for `padBatch`. Without a pad token, as GPT-2's, it fills up on the right with the ending token,
   * which the mask tells from one of the text.
   *
   * @throws ConfigError where the tokenizer pads on the left and has no pad token: some models count places by that token.
   */
  padding(): PadOptions {
    const { paddingSide, padTypeId, padLength, padMultipleOf } = this.#settings
    const padId = this.#settings.padId ?? (paddingSide === 'right' ? this.#fillId : null)
    if (padId === null) {
      throw new ConfigError(
        'tokenizer-pad',
        `tokenizer: expected a pad token in ${this.dir}, got none; name one of its tokens as "pad_token" in tokenizer_config.json, or pad on the right`,
        { key: 'pad_token' },
      )
    }
    return {
      side: paddingSide,
      padId,
      padTypeId,
      ...(padLength === null ? {} : { length: padLength }),
      ...(padMultipleOf === null ? {} : { multipleOf: padMultipleOf }),
    }
  }

  /**
   * The text of token ids. Ids beyond the vocabulary give nothing, as in Python.
   *
   * @throws ArgumentError for numbers that are no ids.
   */
  async decode(
    ids: readonly number[],
    { skipSpecialTokens = true }: { skipSpecialTokens?: boolean } = {},
  ): Promise<string> {
    // Unchecked, the library would take -1 and 1.5 for other ids.
    const wrong = ids.findIndex(id => !Number.isInteger(id) || id < 0 || id > 0xffffffff)
    if (wrong >= 0) {
      throw new ArgumentError(
        'text-id',
        `decode: expected whole numbers from 0, got ${String(ids[wrong])} at ${wrong}; give token ids`,
        { index: wrong },
      )
    }
    return this.#native.decode([...ids], skipSpecialTokens)
  }

  /** Id of a token; null where the vocabulary lacks it. */
  tokenToId(token: string): number | null {
    return this.#native.tokenToId(token)
  }

  /** Token of an id; null where the vocabulary lacks it. */
  idToToken(id: number): string | null {
    return Number.isInteger(id) && id >= 0 && id <= 0xffffffff ? this.#native.idToToken(id) : null
  }

  /** Number of tokens, added ones included. */
  get vocabSize(): number {
    this.#vocabSize ??= this.#native.getVocabSize(true) // kept: the library builds the whole map to count it
    return this.#vocabSize
  }

  /**
   * Writes the tokenizer's files, as they were when it was read, into a folder.
   *
   * @throws FormatError where the folder cannot be written.
   */
  async save(dir: string): Promise<void> {
    await writeTokenizerFiles(this.#files, dir)
  }
}

function checkTruncation(truncation: unknown): void {
  const allowed = ['longest_first', 'only_first', 'only_second', false]
  if (allowed.includes(truncation as string)) return
  throw new ArgumentError(
    'text-truncation',
    `encode: expected truncation 'longest_first', 'only_first', 'only_second' or false, got ${JSON.stringify(truncation)}`,
    { truncation, allowed },
  )
}

function checkLength(where: string, maxLength: number | null, specials: number): void {
  const least = 1 + specials
  if (maxLength === null || (Number.isSafeInteger(maxLength) && maxLength >= least)) return
  throw new ArgumentError(
    'text-max-length',
    `${where}: expected maxLength to be a whole number from ${least} (special tokens and one of the text), got ${String(maxLength)}; raise it`,
    { maxLength, least },
  )
}
