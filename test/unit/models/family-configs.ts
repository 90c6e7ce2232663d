/** What the tests of all families need to know of one of them. */
export interface FamilyCase {
  /** A configuration that a test can afford, without dropout. */
  readonly config: Readonly<Record<string, unknown>>
  /** Every probability of dropout that the configuration has, switched on. */
  readonly dropping: Readonly<Record<string, number>>
  readonly encoder: {
    readonly prefix: string
    /** transformers' class for the encoder alone. */
    readonly architecture: string
    /** A name that a checkpoint must have. */
    readonly lost: string
    /** Names of the head's parameters. */
    readonly head: readonly string[]
  }
  /** Changes of the configuration that are refused. */
  readonly foreign: readonly (readonly [changes: Readonly<Record<string, unknown>>, message: RegExp])[]
}

const labels = { id2label: { 0: 'ham', 1: 'spam', 2: 'eggs' } }

const esm = {
  model_type: 'esm',
  vocab_size: 20,
  pad_token_id: 0,
  mask_token_id: 9,
  hidden_size: 8,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  initializer_range: 0.5,
  ...labels,
}
const esmEncoder = {
  prefix: 'esm',
  architecture: 'EsmModel',
  lost: 'esm.encoder.emb_layer_norm_after.weight',
  head: ['dense', 'out_proj'].flatMap(name => [`classifier.${name}.weight`, `classifier.${name}.bias`]),
}

const deberta = {
  model_type: 'deberta-v2',
  vocab_size: 20,
  hidden_size: 8,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
  relative_attention: true,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  pooler_dropout: 0,
  cls_dropout: 0,
  initializer_range: 0.5,
  ...labels,
}
const debertaDropout = {
  hidden_dropout_prob: 0.2,
  attention_probs_dropout_prob: 0.2,
  pooler_dropout: 0.2,
  cls_dropout: 0.2,
}
const debertaEncoder = {
  prefix: 'deberta',
  architecture: 'DebertaV2Model',
  head: ['pooler.dense', 'classifier'].flatMap(name => [`${name}.weight`, `${name}.bias`]),
}

export const familyConfigs: Readonly<Record<string, FamilyCase>> = {
  distilbert: {
    config: {
      model_type: 'distilbert',
      vocab_size: 20,
      dim: 8,
      n_layers: 3,
      n_heads: 2,
      hidden_dim: 12,
      max_position_embeddings: 16,
      dropout: 0,
      attention_dropout: 0,
      seq_classif_dropout: 0,
      initializer_range: 0.5,
      sinusoidal_pos_embds: true,
      ...labels,
    },
    dropping: { dropout: 0.2, attention_dropout: 0.2, seq_classif_dropout: 0.2 },
    encoder: {
      prefix: 'distilbert',
      architecture: 'DistilBertModel',
      lost: 'distilbert.transformer.layer.1.attention.q_lin.weight',
      head: ['pre_classifier.weight', 'pre_classifier.bias', 'classifier.weight', 'classifier.bias'],
    },
    foreign: [
      [{ n_heads: 3 }, /dim: expected a multiple of n_heads 3, got 8/],
      [{ activation: 'mish' }, /activation: expected one of/],
      [{ sinusoidal_pos_embds: 'yes' }, /sinusoidal_pos_embds: expected true or false/],
      [{ pruned_heads: { 0: [1] } }, /pruned heads/],
      [{ seq_classif_dropout: 2 }, /seq_classif_dropout/],
    ],
  },
  'esm, rotary': {
    config: { ...esm, position_embedding_type: 'rotary', token_dropout: true, emb_layer_norm_before: true },
    dropping: { hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.2 },
    encoder: { ...esmEncoder, lost: 'esm.embeddings.layer_norm.bias' },
    foreign: [
      [{ position_embedding_type: 'relative_key' }, /position_embedding_type: expected absolute or rotary/],
      [{ num_attention_heads: 8 }, /an even size of heads with rotary positions, got 1/],
      [{ mask_token_id: null }, /a mask_token_id with token_dropout, got none/],
      [{ pad_token_id: null }, /a pad_token_id, got none/],
      [{ vocab_size: undefined }, /vocab_size: expected a whole number from 1, got null/],
      [{ is_folding_model: true }, /is_folding_model: expected false/],
      [{ head_dim: 2 }, /head_dim: expected nothing/],
      [{ rope_theta: 0 }, /rope_theta/],
      [{ token_dropout: 1 }, /token_dropout/],
      [{ is_decoder: true }, /a decoder/],
    ],
  },
  'esm, absolute': {
    config: { ...esm, position_embedding_type: 'absolute', token_dropout: false, emb_layer_norm_before: false },
    dropping: { hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.2 },
    encoder: esmEncoder,
    foreign: [],
  },
  'deberta-v2': {
    config: {
      ...deberta,
      pos_att_type: 'p2c|c2p',
      position_buckets: 4,
      share_att_key: true,
      norm_rel_ebd: 'layer_norm',
      position_biased_input: false,
      conv_kernel_size: 3,
      conv_groups: 2,
    },
    dropping: debertaDropout,
    encoder: { ...debertaEncoder, lost: 'deberta.encoder.LayerNorm.bias' },
    foreign: [
      [{ conv_kernel_size: 4 }, /conv_kernel_size: expected 0 or an odd number, got 4/],
      [{ conv_groups: 3 }, /conv_groups that divide the hidden_size 8, got 3/],
      [{ conv_act: 'mish' }, /conv_act: expected one of/],
      [{ pos_att_type: 'p2p' }, /pos_att_type: expected c2p, p2c/],
      [{ pos_att_type: 3 }, /pos_att_type/],
      [{ norm_rel_ebd: 'batch_norm' }, /norm_rel_ebd: expected none or layer_norm/],
      [{ attention_head_size: 2 }, /an attention_head_size of 4, got 2/],
      [{ pooler_hidden_size: 4 }, /a pooler_hidden_size of 8, got 4/],
      [{ embedding_size: 0 }, /embedding_size/],
      [{ position_buckets: 1.5 }, /position_buckets: expected a whole number/],
      [{ share_att_key: 'yes' }, /share_att_key/],
      [{ type_vocab_size: -1 }, /type_vocab_size: expected a whole number from 0/],
    ],
  },
  'deberta-v2, keys of its own': {
    config: {
      ...deberta,
      pos_att_type: ['c2p', 'p2c'],
      max_relative_positions: 4,
      type_vocab_size: 2,
      embedding_size: 6,
    },
    dropping: debertaDropout,
    encoder: { ...debertaEncoder, lost: 'deberta.encoder.layer.2.attention.self.pos_query_proj.weight' },
    foreign: [],
  },
}
