import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import { asObject, type JsonObject, objectOf, type TokenizerFiles, textOf } from './files.ts'
import { type DeclaredToken, declaredToken, declaredTokens, type Role } from './special-tokens.ts'

/*
 * A folder of before 2020 has no tokenizer.json: here its content is made from the vocabulary, as transformers does
 * (models/bert/tokenization_bert.py and models/roberta/tokenization_roberta.py of transformers 5).
 */

/** A tokenizer.json for the WordPiece of BERT, from `vocab.txt`. */
export function bertTokenizer(files: TokenizerFiles): JsonObject {
  const config = objectOf(files, 'tokenizer_config.json') ?? {}
  const vocab = new Map(lines(textOf(files, 'vocab.txt') ?? '').map((token, id) => [token, id]))
  const tokens = specialTokens(files, vocab, 'vocab.txt', {
    unk: '[UNK]',
    sep: '[SEP]',
    pad: '[PAD]',
    cls: '[CLS]',
    mask: '[MASK]',
  })
  const [cls, sep, unk] = [tokens.required('cls'), tokens.required('sep'), tokens.required('unk')]
  return {
    version: '1.0',
    added_tokens: tokens.added,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars !== false,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: framed(vocab, cls, sep),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocab),
    },
  }
}

/** A tokenizer.json for the byte-level BPE of RoBERTa, from `vocab.json` and `merges.txt`. */
export function robertaTokenizer(files: TokenizerFiles): JsonObject {
  const config = objectOf(files, 'tokenizer_config.json') ?? {}
  const vocab = readVocab(files)
  const tokens = specialTokens(files, vocab, 'vocab.json', {
    unk: '<unk>',
    sep: '</s>',
    pad: '<pad>',
    cls: '<s>',
    mask: '<mask>',
    bos: '<s>',
    eos: '</s>',
  })
  const [cls, sep] = [tokens.required('cls'), tokens.required('sep')]
  const prefix = config.add_prefix_space === true
  return {
    version: '1.0',
    added_tokens: tokens.added,
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [sep, vocab.get(sep)],
      cls: [cls, vocab.get(cls)],
      trim_offsets: config.trim_offsets !== false,
      add_prefix_space: prefix,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(vocab),
      merges: readMerges(files),
    },
  }
}

function readVocab(files: TokenizerFiles): Map<string, number> {
  const object = objectOf(files, 'vocab.json') ?? {}
  const wrong = Object.entries(object).filter(([, id]) => !Number.isSafeInteger(id) || (id as number) < 0)
  if (wrong.length > 0)
    throw broken(
      files,
      'vocab.json',
      'a whole number from 0 for each token',
      JSON.stringify(Object.fromEntries(wrong.slice(0, 5))),
    )
  return new Map(Object.entries(object as Record<string, number>))
}

function readMerges(files: TokenizerFiles): string[][] {
  const merges: string[][] = []
  lines(textOf(files, 'merges.txt') ?? '').forEach((line, i) => {
    if (line === '' || line.startsWith('#version')) return
    const parts = line.split(' ')
    if (parts.length !== 2)
      throw broken(files, 'merges.txt', `two parts in line ${i + 1}`, JSON.stringify(line.slice(0, 60)))
    merges.push(parts)
  })
  return merges
}

/** The special tokens of the family where the files say nothing else, with their entries in `added_tokens`. */
export function specialTokens(
  files: TokenizerFiles,
  vocab: Map<string, number>,
  file: string,
  usual: Partial<Record<Role, string>>,
) {
  const config = objectOf(files, 'tokenizer_config.json')
  const declared = declaredTokens(config, objectOf(files, 'special_tokens_map.json'))
  const matched = new Map<string, DeclaredToken & { special: boolean }>()
  // Tokens that were added later have ids of their own, in either of two files.
  for (const [id, value] of Object.entries(asObject(config?.added_tokens_decoder) ?? {})) {
    const token = declaredToken(value)
    if (!token) continue
    vocab.set(token.content, Number(id))
    matched.set(token.content, { ...token, special: asObject(value)?.special === true })
  }
  for (const [content, id] of Object.entries(objectOf(files, 'added_tokens.json') ?? {})) {
    vocab.set(content, Number(id))
    if (!matched.has(content)) matched.set(content, { ...declaredToken(content)!, special: false })
  }
  const byRole = new Map<Role, string>()
  for (const role of Object.keys(usual) as Role[]) {
    const token = declared.has(role) ? declared.get(role) : declaredToken(usual[role])
    if (!token || !vocab.has(token.content)) continue
    byRole.set(role, token.content)
    // A later role of the same token says how it is matched only where the earlier one said nothing.
    if (!matched.get(token.content)?.special) matched.set(token.content, { ...token, special: true })
  }
  const added = Array.from(matched, ([content, token]) => ({
    id: vocab.get(content)!,
    content,
    single_word: token.singleWord,
    lstrip: token.lstrip,
    rstrip: token.rstrip,
    normalized: token.normalized,
    special: token.special,
  })).sort((a, b) => a.id - b.id)
  return {
    added,
    required(role: Role): string {
      const token = byRole.get(role)
      if (token !== undefined) return token
      throw broken(
        files,
        file,
        `the ${role} token ${declared.get(role)?.content ?? usual[role]}`,
        `${vocab.size} tokens without it`,
      )
    },
  }
}

/** The post-processor that makes `start A end` of a text and `start A end B end` of a pair, all from B on of type 1. */
export function framed(vocab: ReadonlyMap<string, number>, start: string, end: string): JsonObject {
  const special = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } })
  const sequence = (id: string, typeId: number) => ({ Sequence: { id, type_id: typeId } })
  const entry = (token: string) => [token, { id: token, ids: [vocab.get(token)], tokens: [token] }]
  const first = [special(start, 0), sequence('A', 0), special(end, 0)]
  return {
    type: 'TemplateProcessing',
    single: first,
    pair: [...first, sequence('B', 1), special(end, 1)],
    special_tokens: Object.fromEntries([entry(start), entry(end)]),
  }
}

/** Python's text mode ends lines at \n, \r\n and \r, and the last line may have no end. */
export function lines(text: string): string[] {
  const all = text.split(/\r\n|\n|\r/)
  if (all.at(-1) === '') all.pop()
  return all
}

function broken(files: TokenizerFiles, name: string, expected: string, got: string): FormatError {
  const file = join(files.dir, name)
  return new FormatError('tokenizer-broken', `${file}: expected ${expected}, got ${got}; copy the file again`, { file })
}
