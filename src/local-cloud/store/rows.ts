import type { SQLOutputValue } from 'node:sqlite'

export type Row = Record<string, SQLOutputValue>

/** Column readers: the schema is STRICT, so another type than the declared one is a bug worth a stop. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new TypeError(`column ${column} is not text`)
  return value
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

export function integer(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new TypeError(`column ${column} is not an integer`)
  return value
}

/** JSON that this folder wrote itself in the same shape; it is not checked again on the way out. */
export function stored<T>(row: Row, column: string): T {
  return JSON.parse(text(row, column)) as T
}
