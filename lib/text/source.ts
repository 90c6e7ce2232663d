import { FormatError } from '../errors.ts'
import { asObject, type JsonObject, objectOf, type TokenizerFiles, textOf } from './files.ts'
import { debertaTokenizer } from './deberta-vocabulary.ts'
import { esmTokenizer } from './esm-vocabulary.ts'
import { bertTokenizer, robertaTokenizer } from './vocabulary.ts'

/** The tokenizer as the library reads it, and the same as an object. */
export interface TokenizerSource {
  json: string
  parsed: JsonObject
  /** Files that it was made from, for errors. */
  from: string
}

type Family = 'bert' | 'roberta' | 'esm' | 'deberta'

/** Class names without "Tokenizer" and "Fast", and model types where no class is named. */
const families: Record<string, Family> = {
  bert: 'bert',
  distilbert: 'bert',
  electra: 'bert',
  esm: 'esm',
  debertav2: 'deberta',
  'deberta-v2': 'deberta',
  mobilebert: 'bert',
  roberta: 'roberta',
}

/**
 * The text of tokenizer.json, or one made from the vocabulary files where there is none.
 *
 * @param model the model's config.json, which names the family where tokenizer_config.json does not.
 * @throws FormatError where nothing there can be used.
 */
export function tokenizerSource(files: TokenizerFiles, model: JsonObject): TokenizerSource {
  const config = objectOf(files, 'tokenizer_config.json') ?? {}
  const name = familyName(config, model)
  const family = name === undefined ? undefined : families[name]
  const json = textOf(files, 'tokenizer.json')
  if (json !== undefined) {
    const parsed = objectOf(files, 'tokenizer.json')!
    const changed = overrideSettings(parsed, config, family)
    return { json: changed ? JSON.stringify(parsed) : json, parsed, from: 'tokenizer.json' }
  }
  if (family === 'bert' && files.contents.has('vocab.txt')) return made(bertTokenizer(files), 'vocab.txt')
  if (family === 'deberta' && files.contents.has('spm.model')) return made(debertaTokenizer(files), 'spm.model')
  if (family === 'esm' && files.contents.has('vocab.txt')) return made(esmTokenizer(files), 'vocab.txt')
  if (family === 'roberta' && files.contents.has('vocab.json') && files.contents.has('merges.txt')) {
    return made(robertaTokenizer(files), 'vocab.json and merges.txt')
  }
  const got = [...files.contents.keys()]
  throw new FormatError(
    'tokenizer-missing',
    `tokenizer: expected tokenizer.json in ${files.dir} (or the vocabulary files of a BERT, RoBERTa, ESM or DeBERTa tokenizer), ` +
      `got ${got.length === 0 ? 'no tokenizer file' : got.join(', ')}${name === undefined ? '' : ` of a '${name}' tokenizer`}; ` +
      'add the file, or write it in Python: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)',
    { file: files.dir, got },
  )
}

/** Lower case, without "Tokenizer" and "Fast"; undefined for the classes that only read tokenizer.json as it is. */
function familyName(config: JsonObject, model: JsonObject): string | undefined {
  if (typeof config.tokenizer_class === 'string') {
    const name = config.tokenizer_class.replace(/(Tokenizer)?(Fast)?$/, '').toLowerCase()
    return name === 'pretrained' || name === 'tokenizersbackend' ? undefined : name
  }
  return typeof model.model_type === 'string' ? model.model_type : undefined
}

/**
 * Where tokenizer_config.json contradicts tokenizer.json, transformers follows the former for these classes, and a
 * model was trained that way. Says whether anything changed.
 */
function overrideSettings(parsed: JsonObject, config: JsonObject, family: Family | undefined): boolean {
  const normalizer = asObject(parsed.normalizer)
  if (family === 'bert' && normalizer?.type === 'BertNormalizer') {
    const set = [
      override(normalizer, 'lowercase', config.do_lower_case),
      override(normalizer, 'strip_accents', config.strip_accents),
      override(normalizer, 'handle_chinese_chars', config.tokenize_chinese_chars),
    ]
    return set.includes(true)
  }
  const split = asObject(parsed.pre_tokenizer)
  const process = asObject(parsed.post_processor)
  if (family === 'roberta' && split?.type === 'ByteLevel' && process?.type === 'RobertaProcessing') {
    const set = [
      override(split, 'add_prefix_space', config.add_prefix_space),
      override(process, 'add_prefix_space', config.add_prefix_space),
      override(process, 'trim_offsets', config.trim_offsets),
    ]
    return set.includes(true)
  }
  return false
}

/**
 * The same tokenizer for words that stand alone: one that works on bytes tells the beginning of a word by a space, which
 * is then to be set before each. Undefined where nothing has to change.
 */
export function sourceForWords(files: TokenizerFiles, model: JsonObject): TokenizerSource | undefined {
  const { parsed, from } = tokenizerSource(files, model)
  const split = asObject(parsed.pre_tokenizer)
  const steps = Array.isArray(split?.pretokenizers) ? split.pretokenizers.map(asObject) : [split]
  const changed = steps.map(step => step?.type === 'ByteLevel' && override(step, 'add_prefix_space', true))
  return changed.includes(true) ? { json: JSON.stringify(parsed), parsed, from } : undefined
}

function override(object: JsonObject, key: string, value: unknown): boolean {
  const isSetting = typeof value === 'boolean' || (value === null && key === 'strip_accents')
  if (!isSetting || object[key] === value) return false
  object[key] = value
  return true
}

function made(parsed: JsonObject, from: string): TokenizerSource {
  return { json: JSON.stringify(parsed), parsed, from }
}
