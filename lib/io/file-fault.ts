import { FormatError } from '../errors.ts'

const reasons: Record<string, string> = {
  ENOENT: 'got no such file; check the path',
  ENOTDIR: 'got a path that leads through a file; check the path',
  EISDIR: 'got a folder; name a file in it',
  EACCES: 'got no permission to read it; check its mode and owner',
}

/** The sentence for a file that the operating system does not give: `where: expected what, got what; what to do`. */
export function fileFault(path: string, expected: string, cause: unknown): FormatError {
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  const reason = reasons[code] ?? `got ${(cause as Error).message}; check the file`
  return new FormatError('FILE_UNREADABLE', `${path}: expected ${expected}, ${reason}`, { file: path, code }, { cause })
}
