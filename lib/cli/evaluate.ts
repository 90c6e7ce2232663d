import { Command } from 'commander'
import { BiDoRA } from '../bidora.ts'
import { DataError } from '../errors.ts'
import { addDataFlags, type DataFlags, loadParts } from './data-flags.ts'
import { interruptible } from './interrupt.ts'
import { addLoadFlags, type LoadFlags, loadOptions } from './load-flags.ts'
import { conclude } from './outcome.ts'
import { formatMetrics, progressView } from './progress.ts'

type Flags = LoadFlags & { file?: string; dataset?: string; data?: string; split: string; limit?: string; json?: boolean }
