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
}
