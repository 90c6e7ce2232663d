import { setImmediate } from 'node:timers/promises'
import { prepareModel, trainableParameters } from '../../lib/adapters/index.ts'
import { createModel, toBatch } from '../../lib/models/index.ts'
import { manualSeed, memoryStats, setNumThreads, tensor } from '../../lib/torch.ts'
import { roundStepper } from '../bench/steps.ts'

/*
 * The child process of leak.test.ts: BiDoRA rounds on a tiny BERT, each of one lower and one upper AdamW step, dropout
 * on. Prints what is held after every round: live tensors, their bytes, open scopes; and the resident memory.
 */
const rounds = Number(process.argv[2])

async function main(): Promise<void> {
  setNumThreads(1)
  manualSeed(0)
  const model = createModel({
    model_type: 'bert',
    vocab_size: 20,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 16,
    id2label: { 0: 'ham', 1: 'spam' },
  })
  prepareModel(model, {
    method: 'bidora',
    rank: 4,
    loraAlpha: 8,
    loraDropout: 0.1,
    targetModules: ['query', 'value'],
    magnitudeAxis: 'out',
    detachNorm: false,
  })
  model.train(true)
  const { lower, upper } = trainableParameters(model)
  const round = roundStepper(
    model,
    lower.map(([, parameter]) => parameter),
    upper.map(([, parameter]) => parameter),
  )
  const [lowerBatch, upperBatch] = [batchOf(1), batchOf(2)]
  const held: [liveTensors: number, liveBytes: number, openScopes: number, resident: number][] = []
  for (let i = 0; i < rounds; i++) {
    const { upperLoss } = round({ lower: lowerBatch, upper: upperBatch })
    if (!Number.isFinite(upperLoss)) throw new Error(`round ${i}: the loss is ${upperLoss}`)
    // As the trainer does: Node frees the objects of dead tensors only between two turns of its loop.
    await setImmediate()
    const { liveTensors, liveBytes, openScopes } = memoryStats()
    held.push([liveTensors, liveBytes, openScopes, process.memoryUsage().rss])
  }
  console.log(JSON.stringify(held))
}

/** Four texts of eight tokens, the last three of two of them padding. */
function batchOf(which: number) {
  const count = 4 * 8
  const ids = BigInt64Array.from({ length: count }, (_, i) => BigInt(1 + ((3 * i + 5 * which) % 19)))
  const mask = BigInt64Array.from({ length: count }, (_, i) => (i < 2 * 8 && i % 8 > 4 ? 0n : 1n))
  return {
    inputs: toBatch({ layout: 'padded', shape: [4, 8], inputIds: ids, attentionMask: mask }),
    labels: tensor([0, 1, 1, 0], { dtype: 'int64' }),
  }
}

void main()
