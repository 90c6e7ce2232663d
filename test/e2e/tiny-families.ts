import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelOptions } from '../../lib/train/index.ts'
import { root } from '../parity/golden.ts'
import { bpeFolder } from '../parity/text-golden.ts'
import { tinyExamples } from './tiny-model.ts'

/** A family of encoders, small enough to train in a moment and wide enough that predictions pack its weights. */
export interface TinyFamily {
  readonly config: Readonly<Record<string, unknown>> & { model_type: string }
  /** Files of its tokenizer. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  readonly examples: readonly { text: string; label: string }[]
  /** False for a family without a head for every token. */
  readonly labelsWords?: boolean
  /** Settings that only this family has a use for. */
  readonly model?: ModelOptions
}

const words = 'good bad film mail free prize lunch noon a the is was very not see you win now and'.split(' ')
const examples = tinyExamples(40)

/** A byte-level BPE without the marks that it has for RoBERTa. */
function plainBpe(): string {
  const tokenizer = JSON.parse(readFileSync(join(bpeFolder, 'tokenizer.json'), 'utf8')) as Record<string, unknown>
  return JSON.stringify({
    ...tokenizer,
    post_processor: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true },
  })
}

const esmVocabulary = [...['<cls>', '<pad>', '<eos>', '<unk>', ...'LAGVSERTIDPKQNFYMHWCXBUZO.-', '<null_1>', '<mask>']]
/** Chains with a tryptophan are spam. */
const proteins = Array.from({ length: 40 }, (_, at) => ({
  text:
    Array.from({ length: 3 + (at % 9) }, (_, i) => 'LAGVSERT'[(at * 3 + i * 5) % 8]).join('') + (at % 2 ? 'W' : 'K'),
  label: at % 2 ? 'spam' : 'ham',
}))

const tinyGPT2 = {
  model_type: 'gpt2',
  vocab_size: 1100,
  n_positions: 32,
  n_embd: 16,
  n_layer: 2,
  n_head: 2,
  bos_token_id: 0,
  eos_token_id: 2,
  initializer_range: 0.2,
}
const hubGPT2 = { ...tinyGPT2, architectures: ['GPT2LMHeadModel'] }

export const tinyFamilies: Readonly<Record<string, TinyFamily>> = {
  distilbert: {
    config: {
      model_type: 'distilbert',
      vocab_size: 24,
      dim: 64,
      n_layers: 2,
      n_heads: 2,
      hidden_dim: 64,
      max_position_embeddings: 32,
      initializer_range: 0.1,
    },
    files: { 'vocab.txt': ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words].join('\n') },
    examples,
  },
  esm: {
    config: {
      model_type: 'esm',
      vocab_size: esmVocabulary.length,
      pad_token_id: 1,
      mask_token_id: 32,
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 64,
      max_position_embeddings: 32,
      position_embedding_type: 'rotary',
      token_dropout: true,
      initializer_range: 0.1,
    },
    files: { 'vocab.txt': esmVocabulary.join('\n') },
    examples: proteins,
  },
  gpt2: {
    config: { ...tinyGPT2, pad_token_id: 1 },
    files: {
      'tokenizer.json': plainBpe(),
      'tokenizer_config.json': JSON.stringify({ tokenizer_class: 'GPT2Tokenizer', pad_token: '<pad>' }),
    },
    examples,
    labelsWords: false,
    model: { rankPattern: { 'h.0.attn.c_attn': 1 }, alphaPattern: { 'h.1.attn.c_attn': 3 } },
  },
  'gpt2 as the hub ships it, without a pad token': {
    config: hubGPT2,
    files: {
      'config.json': JSON.stringify(hubGPT2),
      'tokenizer.json': plainBpe().replaceAll('<pad>', '<none>'),
      'tokenizer_config.json': JSON.stringify({ tokenizer_class: 'GPT2Tokenizer' }),
    },
    examples,
    labelsWords: false,
  },
  'deberta-v2': {
    config: {
      model_type: 'deberta-v2',
      vocab_size: 160,
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 64,
      max_position_embeddings: 32,
      relative_attention: true,
      pos_att_type: 'p2c|c2p',
      position_buckets: 8,
      share_att_key: true,
      norm_rel_ebd: 'layer_norm',
      position_biased_input: false,
      initializer_range: 0.1,
    },
    files: { 'spm.model': readFileSync(join(root, 'test/golden/vocabularies/deberta-v2/spm.model')) },
    examples,
  },
}
