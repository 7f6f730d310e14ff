/** A literal's value: dictionaries are Maps, `None` is null. */
export type PythonValue = string | number | boolean | null | PythonValue[] | Map<PythonValue, PythonValue>

type Read = { value: PythonValue } | { fault: string }

/** A syntax error: the text at this position is not a literal. */
class NotALiteral extends Error {}

const deepest = 20

/**
 * The literal that a Python file assigns to a name at its top level; the last of several assignments, as in Python.
 * Nothing is executed: a call, a variable or an f-string is an error with its line.
 */
export function readPythonLiteral(text: string, name: string): Read {
  const source = text.replace(/^\uFEFF/, '')
  const at = assignmentsTo(source, name).at(-1)
  return at === undefined ? { fault: `there is no assignment to ${name}` } : readAt(source, at)
}

function readAt(source: string, at: number): Read {
  const reader = new Reader(source, at)
  try {
    return { value: reader.value(0) }
  } catch (error) {
    if (!(error instanceof NotALiteral)) throw error
    return { fault: `line ${source.slice(0, reader.at).split('\n').length}: ${error.message}` }
  }
}

/**
 * The offsets of the assigned values. Strings and comments are skipped: an example in a docstring is not an assignment.
 * An unterminated string extends to the end of its line or the file, which keeps the time linear in the text's length.
 */
function assignmentsTo(source: string, name: string): number[] {
  const token = new RegExp(
    `#[^\\n]*|"""[\\s\\S]*?(?:"""|(?![\\s\\S]))|'''[\\s\\S]*?(?:'''|(?![\\s\\S]))|"(?:\\\\[\\s\\S]|[^"\\\\\\n])*"?|'(?:\\\\[\\s\\S]|[^'\\\\\\n])*'?|^${name}[ \\t]*(?::[^=\\n]*)?=(?!=)`,
    'gm',
  )
  return [...source.matchAll(token)]
    .filter((match) => match[0].startsWith(name))
    .map((match) => match.index + match[0].length)
}

const words: Readonly<Record<string, boolean | null>> = { None: null, True: true, False: false }
const escapes: Readonly<Record<string, string>> = {
  ...{ n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"', a: '\x07', b: '\b', f: '\f', v: '\v' },
  '\n': '',
}

class Reader {
  at: number
  readonly #source: string

  constructor(source: string, at: number) {
    this.#source = source
    this.at = at
  }

  value(depth: number): PythonValue {
    if (depth > deepest) throw new NotALiteral('nested too deeply')
    this.#space()
    const next = this.#source[this.at]
    if (next === '{') return this.#dict(depth)
    if (next === '[') return this.#list(']', depth)
    if (next === '(') return this.#list(')', depth)
    const number = this.#take(/[-+]?\d[\d_]*(?:\.\d+)?(?![\w.])/y)
    if (number !== undefined) return Number(number.replaceAll('_', ''))
    const word = this.#take(/(?:None|True|False)\b/y)
    if (word !== undefined) return words[word] ?? null
    return this.#strings()
  }

  #dict(depth: number): Map<PythonValue, PythonValue> {
    const result = new Map<PythonValue, PythonValue>()
    this.at += 1
    for (;;) {
      if (this.#ends('}')) return result
      const key = this.value(depth + 1)
      this.#expect(':')
      result.set(key, this.value(depth + 1))
      this.#separator('}')
    }
  }

  /** Parentheses around a single value group it and make no tuple. */
  #list(close: string, depth: number): PythonValue {
    const result: PythonValue[] = []
    this.at += 1
    for (;;) {
      if (this.#ends(close)) return result
      result.push(this.value(depth + 1))
      const comma = this.#separator(close)
      if (close === ')' && result.length === 1 && !comma && this.#ends(close)) return result[0] ?? null
    }
  }

  /** Adjacent string literals are concatenated. */
  #strings(): string {
    let result = this.#string()
    if (result === undefined)
      throw new NotALiteral('expected a literal: a string, number, list or dictionary')
    for (;;) {
      this.#space()
      const more = this.#string()
      if (more === undefined) return result
      result += more
    }
  }

  #string(): string | undefined {
    const opening = /([A-Za-z]{0,2})("""|'''|"|')/y
    opening.lastIndex = this.at
    const [whole, prefix = '', quote = ''] = opening.exec(this.#source) ?? []
    if (whole === undefined) return undefined
    if (!/^[ur]?$/i.test(prefix))
      throw new NotALiteral(`a string with the prefix ${prefix} is not a plain text`)
    this.at += whole.length
    return this.#rest(quote, /r/i.test(prefix))
  }

  #rest(quote: string, raw: boolean): string {
    let result = ''
    while (this.at < this.#source.length) {
      if (this.#source.startsWith(quote, this.at)) {
        this.at += quote.length
        return result
      }
      const char = this.#source[this.at] ?? ''
      if (char === '\n' && quote.length === 1) break
      if (char === '\\' && !raw) {
        result += this.#escape()
        continue
      }
      result += char
      this.at += 1
    }
    throw new NotALiteral('a string does not end')
  }

  #escape(): string {
    const code = this.#take(/\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U00[0-9a-fA-F]{6})/y)
    if (code !== undefined) {
      const point = Number.parseInt(code.slice(2), 16)
      if (point <= 0x10_ffff) return String.fromCodePoint(point)
      throw new NotALiteral('no such character')
    }
    const char = this.#source[this.at + 1] ?? ''
    this.at += 2
    return escapes[char] ?? `\\${char}`
  }

  /** White space, line ends, comments and line continuations. */
  #space(): void {
    this.#take(/(?:[ \t\r\n\f]|#[^\n]*|\\\r?\n)*/y)
  }

  #ends(close: string): boolean {
    this.#space()
    if (this.#source[this.at] !== close) return false
    this.at += 1
    return true
  }

  /** Accepts a comma, or leaves the closing bracket to the caller. */
  #separator(close: string): boolean {
    this.#space()
    if (this.#source[this.at] === ',') {
      this.at += 1
      return true
    }
    if (this.#source[this.at] !== close) throw new NotALiteral(`expected a comma or ${close}`)
    return false
  }

  #expect(sign: string): void {
    this.#space()
    if (this.#source[this.at] !== sign) throw new NotALiteral(`expected ${sign}`)
    this.at += 1
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.#source)?.[0]
    if (match === undefined) return undefined
    this.at += match.length
    return match
  }
}
