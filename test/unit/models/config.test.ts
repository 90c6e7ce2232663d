import assert from 'node:assert/strict'
import { ConfigError } from '../../../lib/errors.ts'
import { bert } from '../../../lib/models/bert.ts'
import { readEncoderConfig } from '../../../lib/models/config.ts'
import { createModel, modelTypes } from '../../../lib/models/index.ts'
import { roberta } from '../../../lib/models/roberta.ts'

const read = (json: Record<string, unknown>) =>
  readEncoderConfig({ model_type: 'bert', ...json }, bert.defaults!, 'c.json')

describe('models/config', () => {
  it('reads every field and takes the defaults of transformers for the others', () => {
    const config = read({
      vocab_size: 30,
      hidden_size: 8,
      num_attention_heads: 2,
      layer_norm_eps: 1e-5,
      classifier_dropout: 0.2,
    })
    assert.deepEqual(config, {
      modelType: 'bert',
      vocabSize: 30,
      hiddenSize: 8,
      numHiddenLayers: 12,
      numAttentionHeads: 2,
      intermediateSize: 3072,
      hiddenAct: 'gelu',
      hiddenDropoutProb: 0.1,
      attentionProbsDropoutProb: 0.1,
      classifierDropout: 0.2,
      maxPositionEmbeddings: 512,
      typeVocabSize: 2,
      initializerRange: 0.02,
      layerNormEps: 1e-5,
      padTokenId: 0,
      labels: ['LABEL_0', 'LABEL_1'],
      problemType: 'single-label',
    })
    assert.equal(readEncoderConfig({ model_type: 'roberta' }, roberta.defaults!, 'c.json').padTokenId, 1)
    assert.equal(read({ pad_token_id: null }).padTokenId, undefined)
  })

  it('reads labels in the order of their numbers', () => {
    assert.deepEqual(
      read({
        id2label: { 1: 'b', 0: 'a', 10: 'k', ...Object.fromEntries('cdefghij'.split('').map((l, i) => [i + 2, l])) },
      }).labels,
      'abcdefghijk'.split(''),
    )
    assert.deepEqual(read({ num_labels: 3 }).labels, ['LABEL_0', 'LABEL_1', 'LABEL_2'])
  })

  it('tells a regression by its one output, as transformers does', () => {
    assert.equal(read({ id2label: { 0: 'score' } }).problemType, 'regression')
    assert.equal(read({ problem_type: 'multi_label_classification' }).problemType, 'multi-label')
    assert.equal(read({ problem_type: null }).problemType, 'single-label')
  })

  const refused: [json: Record<string, unknown>, message: RegExp][] = [
    [
      { position_embedding_type: 'relative_key' },
      /position_embedding_type "relative_key" \(relative positions\) is not supported/,
    ],
    [{ is_decoder: true }, /is_decoder true \(a decoder\)/],
    [{ add_cross_attention: true }, /cross-attention/],
    [{ is_encoder_decoder: true }, /encoder-decoder/],
    [{ pruned_heads: { 1: [0] } }, /pruned heads/],
    [{ quantization_config: { bits: 4 } }, /quantized weights/],
    [{ embedding_size: 128 }, /factored embeddings/],
    [{ hidden_size: 0 }, /hidden_size: expected a whole number from 1, got 0/],
    [{ hidden_size: '768' }, /hidden_size: expected a whole number from 1, got "768"/],
    [{ hidden_size: 770 }, /multiple of num_attention_heads 12, got 770/],
    [{ num_hidden_layers: 1.5 }, /num_hidden_layers/],
    [{ hidden_dropout_prob: 1.5 }, /hidden_dropout_prob: expected a number from 0 to 1, got 1\.5/],
    [{ classifier_dropout: 'no' }, /classifier_dropout/],
    [{ layer_norm_eps: 0 }, /layer_norm_eps/],
    [{ vocab_size: null }, /vocab_size: expected a whole number from 1, got null/],
    [{ pad_token_id: 30522 }, /pad_token_id: expected a token below vocab_size 30522, got 30522/],
    [{ pad_token_id: -1 }, /pad_token_id/],
    [{ id2label: { 0: 'a', 2: 'c' } }, /id2label: expected names for 0, 1, 2/],
    [{ id2label: { a: 'b' } }, /id2label/],
    [{ id2label: { 0: 1 } }, /id2label/],
    [{ id2label: {} }, /id2label/],
    [{ id2label: ['a', 'b'] }, /id2label/],
    [{ id2label: { 0: 'a', 1: 'a' } }, /id2label: expected different names, got a, a/],
    [{ num_labels: 0 }, /num_labels/],
    [{ problem_type: 'ranking' }, /problem_type: expected one of single_label_classification, .* got "ranking"/],
    [{ problem_type: 'single_label_classification', id2label: { 0: 'a' } }, /expected regression or two labels/],
  ]
  for (const [json, message] of refused) {
    it(`refuses ${JSON.stringify(json)}`, () => {
      assert.throws(
        () => read(json),
        (error: ConfigError) =>
          error instanceof ConfigError && error.message.startsWith('c.json: ') && message.test(error.message),
      )
    })
  }

  it('accepts switches that change nothing', () => {
    read({
      position_embedding_type: 'absolute',
      is_decoder: false,
      pruned_heads: {},
      quantization_config: null,
      embedding_size: null,
    })
  })

  it('lists all problems at once', () => {
    assert.throws(
      () => read({ is_decoder: true, vocab_size: -1, num_labels: 'two' }),
      /is_decoder.*vocab_size.*num_labels/,
    )
  })

  it('refuses unknown model types, activations and a RoBERTa without padding', () => {
    assert.throws(
      () => createModel({ model_type: 'zebra' }),
      (error: ConfigError) => error.message.includes(`expected a model_type of ${modelTypes.join(', ')}, got "zebra"`),
    )
    assert.throws(() => createModel({}), /got none/)
    assert.throws(() => createModel({ model_type: 'bert', hidden_act: 'mish' }), ConfigError)
    assert.throws(() => createModel({ model_type: 'roberta', pad_token_id: null }), /expected a pad_token_id/)
    assert.throws(() => createModel({ model_type: 'bert' }, { dtype: 'int64' }), /expected a dtype of float64/)
  })
})
