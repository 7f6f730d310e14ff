type Cell = string | number | null | undefined

/** A table as RFC 4180 has it, with a line of names first. */
export function csvOf<Row>(rows: Row[], columns: Record<string, (row: Row) => Cell>): string {
  const lines = rows.map((row) => Object.values(columns).map((read) => cell(read(row))))
  return [Object.keys(columns), ...lines].map((line) => `${line.join(',')}\r\n`).join('')
}

/** The same for fields that are cells as they are. */
export function csvOfColumns<Name extends string>(
  rows: Record<Name, Cell>[],
  names: readonly Name[],
): string {
  return csvOf(rows, Object.fromEntries(names.map((name) => [name, (row: Record<Name, Cell>) => row[name]])))
}

/** Spreadsheets take a text with such a beginning for a formula. A quote in front prevents that. */
const formula = /^[=+\-@\t\r]/

function cell(value: Cell): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = formula.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
