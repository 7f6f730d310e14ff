/** One statement of an SQL text. */
export interface Statement {
  sql: string
  /** The number of parameters that the statement binds. */
  parameters: number
}

/** Quoted texts and comments are one token each, also if they are unfinished. */
const token =
  /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\?\d*|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\s+|[\s\S]/g

/**
 * Splits an SQL text into its statements by SQLite's own rule: a statement ends at a semicolon outside of quotes and
 * comments; a trigger ends at `; END;`. Parts without code are left out.
 */
export function splitStatements(text: string): Statement[] {
  const statements: Statement[] = []
  let current = emptyStatement()
  const finish = () => {
    if (current.words.length > 0) statements.push({ sql: current.sql.trim(), parameters: current.parameters })
    current = emptyStatement()
  }
  for (const [part] of text.matchAll(token)) {
    current.sql += part
    if (/^(?:\s|--|\/\*)/.test(part)) continue
    if (part === ';') {
      if (isComplete(current.words)) finish()
      else current.words.push(';')
    } else {
      current.words.push(part.toUpperCase())
      if (part.startsWith('?')) {
        const given = part.slice(1)
        current.parameters =
          given === '' ? current.parameters + 1 : Math.max(current.parameters, Number(given))
      }
    }
  }
  finish()
  return statements
}

const emptyStatement = (): { sql: string; words: string[]; parameters: number } => ({
  sql: '',
  words: [],
  parameters: 0,
})

/** True if a semicolon after these words ends the statement. */
function isComplete(words: string[]): boolean {
  const start = words[0] === 'EXPLAIN' ? words.slice(words[1] === 'QUERY' ? 3 : 1) : words
  const afterTemp = start[1] === 'TEMP' || start[1] === 'TEMPORARY' ? start[2] : start[1]
  if (start[0] !== 'CREATE' || afterTemp !== 'TRIGGER') return true
  return words.at(-1) === 'END' && words.at(-2) === ';'
}
