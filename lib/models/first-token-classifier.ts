import { scope, type Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import { type ClassifierOutput, type ForwardOptions, SequenceClassifier } from './classifier.ts'
import type { TextModel } from './text-model.ts'

/** A classifier of texts that reads each one's first token. */
export abstract class FirstTokenClassifier extends SequenceClassifier {
  protected abstract override get body(): TextModel

  /** The head: the first tokens' last hidden states [batch, hidden] to [batch, labels]. */
  protected abstract logitsOf(first: Tensor): Tensor

  override forward(batch: Batch, options: ForwardOptions = {}): ClassifierOutput {
    return scope(() => {
      const { lastHiddenState, hiddenStates } = this.body.forward(batch, { ...options, firstOnly: true })
      return { logits: this.logitsOf(lastHiddenState), ...(hiddenStates ? { hiddenStates } : {}) }
    })
  }
}
