import type { SQLOutputValue } from 'node:sqlite'

export type Row = Record<string, SQLOutputValue>

/** Reads a text column. The schema is STRICT, so another type is a bug. @throws TypeError */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new TypeError(`column ${column} is not text`)
  return value
}

/** Reads a nullable text column. @throws TypeError */
export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

/** Reads an integer column. @throws TypeError */
export function integer(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new TypeError(`column ${column} is not an integer`)
  return value
}

/** Reads a JSON column. Its shape is not validated, because only this folder writes it. */
export function stored<T>(row: Row, column: string): T {
  return JSON.parse(text(row, column)) as T
}
