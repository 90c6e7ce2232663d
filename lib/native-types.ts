/** One argument or result of an operator, as libtorch's own schema describes it. */
export interface SchemaArgument {
  name: string
  kind: string
  list: boolean
  listSize: number
  optional: boolean
  optionalElements: boolean
  hasDefault: boolean
  written: boolean
}

export interface Schema {
  text: string
  arguments: SchemaArgument[]
  returns: SchemaArgument[]
}

/** What native code hands over when something failed; lib/tensor/failure.ts makes the error of it. */
export interface NativeFailure {
  kind: 'argument' | 'torch' | 'memory' | 'internal'
  op: string
  message: string
  argument: string
  expected: string
  got: string
  shapes: number[][]
}

export interface NativeHooks<Tensor extends object = object> {
  Tensor: new () => Tensor
  makeError: (failure: NativeFailure) => Error
  asyncScope: () => number
  collectGarbage: ((minor: boolean) => void) | undefined
}

export interface NativeCounters {
  liveTensors: number
  liveBytes: number
  created: number
  disposed: number
  swept: number
  sweeps: number
  /** What V8 has been told of; it follows liveBytes in steps of 8 MiB. */
  reportedBytes: number
  /** Bytes that the CPU allocator keeps for reuse, of the whole process. */
  cachedBytes: number
  /** Bytes in use of CPU tensors of 64 KiB and more, of the whole process: what graphs hold too. */
  usedBytes: number
  /** The most of them since `resetPeakMemory`. */
  peakUsedBytes: number
  openScopes: number
}

/** A bound operator: takes the schema's arguments in order, `undefined` standing for the default. */
export type BoundOp = (...values: unknown[]) => unknown

/**
 * The functions of the compiled addon. Each validates what it is given and throws; none can crash the process. The types
 * of tensors and dtypes belong to a room above and are parameters here.
 */
export interface NativeAddon<Tensor extends object = object, DType extends string = string> {
  readonly libtorchVersion: string
  initialize(hooks: NativeHooks<Tensor>): void
  bind(name: string, overload: string, numbers: boolean): BoundOp
  schemaOf(name: string, overload: string): Schema

  isTensor(value: unknown): boolean
  isDisposed(tensor: Tensor): boolean
  dispose(tensor: Tensor): boolean
  shape(tensor: Tensor): number[]
  strides(tensor: Tensor): number[]
  dtype(tensor: Tensor): DType
  device(tensor: Tensor): string
  numel(tensor: Tensor): number
  version(tensor: Tensor): number
  requiresGrad(tensor: Tensor): boolean
  setRequiresGrad(tensor: Tensor, value: boolean): void
  isLeaf(tensor: Tensor): boolean
  isContiguous(tensor: Tensor): boolean
  sharesStorage(a: Tensor, b: Tensor): boolean
  counters(): NativeCounters
  reclaim(): void
  resetPeak(): void

  fromBytes(
    data: ArrayBufferView,
    shape: readonly number[],
    dtype: DType,
    device: string,
    requiresGrad: boolean,
  ): Tensor
  toBytes(tensor: Tensor): ArrayBuffer
  item(tensor: Tensor): number | boolean | bigint

  grad(
    outputs: readonly Tensor[],
    inputs: readonly Tensor[],
    gradOutputs: readonly (Tensor | null)[],
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): (Tensor | null)[]
  isGradEnabled(): boolean
  setGradEnabled(enabled: boolean): boolean
  autocastState(): number
  autocastWith(state: number, dtype: DType | null, device: 'cpu' | 'cuda' | null): number
  autocastEnter(state: number): number
  autocastExit(before: number): void
  checkpoint(
    output: Tensor,
    inputs: readonly Tensor[],
    recompute: (cotangent: Tensor, inputs: Tensor[], needed: boolean[]) => (Tensor | null)[],
  ): Tensor
  gradientNode(tensor: Tensor): string | null
  dropout(input: Tensor, p: number, places: Tensor | null, residual: Tensor | null): Tensor
  canAttend(query: Tensor, heads: number): boolean
  attention(query: Tensor, key: Tensor, value: Tensor, lengths: readonly number[], heads: number, p: number): Tensor
  loraLinear(
    input: Tensor,
    dropped: Tensor | null,
    weight: Tensor,
    packed: Tensor,
    bias: Tensor | null,
    loraA: Tensor,
    loraB: Tensor,
    scaling: number,
  ): Tensor
  canPack(weight: Tensor): boolean
  packWeight(weight: Tensor): Tensor
  frozenLinear(input: Tensor, weight: Tensor, packed: Tensor, bias: Tensor | null): Tensor
  forwardMode(primals: readonly Tensor[], tangents: readonly Tensor[], fn: () => readonly Tensor[]): (Tensor | null)[]
  isForwardMode(): boolean
  setTangentsSeen(enabled: boolean): boolean
  hasTangent(tensor: Tensor): boolean
  madeBefore(output: Tensor, primals: readonly Tensor[]): boolean

  scopeOpen(): number
  scopeClose(id: number, kept: readonly Tensor[]): void
  scopeEnter(id: number): number
  scopeAsync(change: number): void
  scopeKeep(tensor: Tensor): void
  scopeMoveToOuter(tensor: Tensor): void

  manualSeed(seed: number | bigint): void
  getRngState(device: string): Uint8Array
  setRngState(state: Uint8Array, device: string): void

  cudaIsBuilt(): boolean
  cudaDeviceCount(): number
  cudaSynchronize(device: string): void
  cudaMemory(device: string): Record<string, number>
  cudaResetPeak(device: string): void
  cudaEmptyCache(): void
  setNumThreads(count: number): void
  getNumThreads(): number
  setDeterministic(enabled: boolean): void
  isDeterministic(): boolean

  mapFile(path: string): object
  mappingLength(mapping: object): number
  mappingBytes(mapping: object, offset: number, length: number): ArrayBuffer
  mappingTensor(mapping: object, offset: number, length: number, shape: readonly number[], dtype: DType): Tensor
}
