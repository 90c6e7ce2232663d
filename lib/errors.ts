/**
 * The errors of the library. Every message reads *where: expected what, got what; what to do*; `code` is stable and
 * `details` carries the values that the sentence names.
 */
export class BidoraError extends Error {
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.details = details
  }
}

/** An operator of libtorch failed; `details` holds `op` and, where known, `shapes` of its tensor arguments. */
export class TorchError extends BidoraError {}

/** The device has no memory left; `details` holds the allocator's statistics. */
export class TorchOutOfMemoryError extends TorchError {}

/** A tensor has the wrong shape; `details` holds both shapes. */
export class ShapeError extends BidoraError {}

/** An argument of a function has the wrong type or value. */
export class ArgumentError extends BidoraError {}

/** A setting is unknown or has a value that is not allowed; `details` holds the key and what is allowed. */
export class ConfigError extends BidoraError {}

/** A file does not have the form it should have; `details` holds the file, the line where known and every bad entry. */
export class FormatError extends BidoraError {}

/** Examples, labels or splits that cannot be trained on; `details` holds file and line where known. */
export class DataError extends BidoraError {}

/** libtorch or the addon is missing or does not fit; the message names the command that mends it. */
export class SetupError extends BidoraError {}

/** The work was stopped by an AbortSignal or by Ctrl-C; `details` holds the checkpoint where one was written. */
export class AbortError extends BidoraError {}
