import assert from 'node:assert/strict'
import { toDiskName, toModulePath } from '../../../lib/io/index.ts'

describe('io/key-map', () => {
  const pairs: [here: string, disk: string][] = [
    ['bert.embeddings.wordEmbeddings.weight', 'bert.embeddings.word_embeddings.weight'],
    ['bert.encoder.layer.11.attention.output.layerNorm.bias', 'bert.encoder.layer.11.attention.output.LayerNorm.bias'],
    ['classifier.outProj.weight', 'classifier.out_proj.weight'],
    ['transformer.h.0.ln1.weight', 'transformer.h.0.ln_1.weight'],
    ['transformer.h.0.attn.cAttn.bias', 'transformer.h.0.attn.c_attn.bias'],
    ['transformer.lnF.weight', 'transformer.ln_f.weight'],
    ['encoder.layer.0.attention.self.query.loraA.weight', 'encoder.layer.0.attention.self.query.lora_A.weight'],
    ['attentionProbsDropoutProb', 'attention_probs_dropout_prob'],
    ['', ''],
  ]
  for (const [here, disk] of pairs) {
    it(`maps ${here} to ${disk} and back`, () => {
      assert.equal(toDiskName(here), disk)
      assert.equal(toModulePath(disk), here)
    })
  }

  it('does not take a name of this library for one on disk', () => {
    // wordEmbeddings on disk would read as the same path, so readers compare the name after a round trip.
    assert.notEqual(
      toDiskName(toModulePath('bert.embeddings.wordEmbeddings.weight')),
      'bert.embeddings.wordEmbeddings.weight',
    )
    assert.notEqual(toDiskName(toModulePath('a.layerNorm.weight')), 'a.layerNorm.weight')
  })
})
