import type { Span } from '../statistics/pieces.ts'

/** A piece of SQL with its bindings. */
export interface Condition {
  sql: string
  bindings: Date[]
}

/**
 * A condition that is true for times within one of the spans. The bounds are literals of the condition: as a joined
 * table they would be known only while the query runs, too late to choose an index range or to prune partitions.
 */
export function within(column: string, spans: readonly Span[]): Condition {
  if (spans.length === 0) return { sql: 'false', bindings: [] }
  return {
    sql: `(${spans.map(() => `${column} >= ? and ${column} < ?`).join(' or ')})`,
    bindings: spans.flatMap(({ from, to }) => [new Date(from), new Date(to)]),
  }
}
