/** The output of a command. With `--json`, standard output is one document and all lines go to standard error. */
export interface Output {
  /** A line for people. */
  say(line: string): void
  /** A note for people that is not part of the result: always on standard error. */
  warn(line: string): void
  /** Prints the document of `--json`; prints nothing without that option. */
  document(value: unknown): void
  /** Prints the whole result: the lines for people, or the document. */
  answer(lines: string[], value: unknown): void
}

interface Streams {
  stdout: { write(text: string): unknown }
  stderr: { write(text: string): unknown }
}

export function createOutput(json: boolean, streams: Streams): Output {
  const { stdout, stderr } = streams
  const words = json ? stderr : stdout
  const document = (value: unknown) => void (json && stdout.write(`${JSON.stringify(value, null, 2)}\n`))
  return {
    say: (line) => void words.write(`${harmless(line)}\n`),
    warn: (line) => void stderr.write(`${harmless(line)}\n`),
    document,
    answer(lines, value) {
      if (!json) for (const line of lines) stdout.write(`${harmless(line)}\n`)
      document(value)
    },
  }
}

/** The text without characters that control the terminal; the lines and tabs of a text like a document stay. */
const harmless = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => (/[\n\t]/.test(character) ? character : ''))

/**
 * Text of another system as one line, without characters that control the terminal or change how the text is displayed,
 * such as the writing direction.
 */
export function plain(text: string): string {
  return text.replace(/[\r\n\t]+/g, ' ').replace(/[\p{Cc}\p{Cf}]/gu, '')
}

/** Text of another system as lines: all but the first are indented, so that none looks like an entry of its own. */
export function plainLines(text: string): string[] {
  const [first = '', ...rest] = text.trimEnd().split(/\r\n|[\r\n]/)
  return [plain(first), ...rest.map((line) => `    ${plain(line)}`)]
}

/** A table with headings, in columns as wide as their widest cell; only the headings if there are no rows. */
export function table(headings: string[], rows: (string | number | null)[][]): string[] {
  const cells = [headings, ...rows.map((row) => row.map((cell) => plain(String(cell ?? '-'))))]
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** One fact per line, `name  value`; facts without a value are left out. */
export function facts(list: readonly (readonly [name: string, value: unknown])[]): string[] {
  const known = list.filter(([, value]) => value !== null && value !== undefined && value !== '')
  const width = Math.max(0, ...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${name.padEnd(width)}  ${plain(textOf(value))}`)
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return Array.isArray(value) ? value.map(textOf).join(', ') : String(value)
}
