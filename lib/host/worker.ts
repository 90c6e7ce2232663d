import { parentPort } from 'node:worker_threads'
import { BidoraError } from '../errors.ts'
import { serve } from './serve.ts'

/* The program of a model's thread. The engine is imported at its first call, so that its absence fails that call. */

if (parentPort === null) throw new BidoraError('NO_PARENT', 'host/worker: expected to be started as a worker thread')
serve(parentPort, async () => (await import('../train/tuned-model.ts')).TunedModel)
