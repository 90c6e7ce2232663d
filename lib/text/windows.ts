/** A part of a long sentence that a model reads at once, in words: from `start` up to but not including `end`. */
export interface WordSpan {
  start: number
  end: number
  /** The words that this window answers for, in the same manner: every word of the sentence has one window that does. */
  ownStart: number
  ownEnd: number
}

/**
 * Cuts a sentence into windows of whole words, each of as many as fit. A window begins with those last words of the one
 * before that make at most `stride` tokens. Of the windows that share a word, the one that shows more on the word's nearer
 * side answers for it, so that the answers join without loss and each word counts once.
 *
 * @param sizes - tokens of each word, none larger than `room`
 * @param room - most tokens of a window
 * @param stride - most tokens that two windows share; less where the next word would not fit beside them
 * @returns one window at least, also for a sentence without words
 */
export function windowsOf(sizes: readonly number[], room: number, stride: number): WordSpan[] {
  const windows: WordSpan[] = []
  let [start, end, tokens] = [0, 0, 0]
  for (;;) {
    while (end < sizes.length && tokens + sizes[end]! <= room) tokens += sizes[end++]!
    windows.push({ start, end, ownStart: start, ownEnd: end })
    if (end === sizes.length) break
    while (tokens > stride || tokens + sizes[end]! > room) tokens -= sizes[start++]!
  }
  for (let i = 1; i < windows.length; i++) {
    const [left, right] = [windows[i - 1]!, windows[i]!]
    left.ownEnd = right.ownStart = borderOf(sizes, right.start, left.end)
  }
  return windows
}

/** The first shared word with more tokens before it in its second window than after it in its first. */
function borderOf(sizes: readonly number[], start: number, end: number): number {
  let before = 0
  let after = sizes.slice(start, end).reduce((sum, size) => sum + size, 0)
  for (let word = start; word < end; word++) {
    after -= sizes[word]!
    if (before > after) return word
    before += sizes[word]!
  }
  return end
}
