import { isDeepStrictEqual } from 'node:util'
import { at, type Change, type Documents, entries, follow, type Json, type Side } from './breaking-parts.ts'

interface Place {
  side: Side
  place: string
  /** The pairs of components that are being compared, since schemas may refer to themselves. */
  open?: ReadonlySet<string>
}

/** What a client cannot rely on any more in one schema, with the path of each field. */
export function schemaBreaks(
  documents: Documents,
  change: Change,
  { side, place, open = new Set() }: Place,
): string[] {
  const names = [at(change.released, ['$ref']), at(change.current, ['$ref'])].join(' ')
  if (names !== ' ' && open.has(names)) return []
  const before = follow(documents.released, change.released)
  const now = follow(documents.current, change.current)
  if (isDeepStrictEqual(change.released, change.current) && names === ' ') return []
  const inside = (key: string): Place => ({
    side,
    place: place === '' ? key : `${place}.${key}`,
    open: new Set([...open, names]),
  })
  const where = place === '' ? 'the answer' : place
  return [
    ...typeBreaks({ released: before, current: now }, side).map((each) => `${where} ${each}`),
    ...fieldBreaks({ released: before, current: now }, side).map((each) => `${where} ${each}`),
    ...entries(before.properties).flatMap(([key, schema]) => {
      const other = at(now, ['properties', key])
      return other === undefined
        ? []
        : schemaBreaks(documents, { released: schema, current: other }, inside(key))
    }),
    ...['items', 'additionalProperties'].flatMap((key) => {
      const parts = { released: before[key], current: now[key] }
      const comparable = [parts.released, parts.current].every((each) => typeof each === 'object')
      return comparable ? schemaBreaks(documents, parts, inside(key === 'items' ? '[]' : '*')) : []
    }),
    ...choiceBreaks(documents, { released: before, current: now }, inside('|')),
  ]
}

/** A field that is gone, one that a request newly requires, or one that an answer no longer always has. */
function fieldBreaks({ released, current }: { released: Json; current: Json }, side: Side): string[] {
  const [before, now] = [released, current].map(
    (each) => new Set(entries(each.properties).map(([key]) => key)),
  )
  const [needed, needs] = [released, current].map(
    (each) => new Set(Array.isArray(each.required) ? each.required.map(String) : []),
  )
  const gone = [...(before ?? [])].filter((key) => !now?.has(key) && entries(current.properties).length > 0)
  const required = [...(side === 'request' ? (needs ?? []) : (needed ?? []))].filter((key) =>
    side === 'request' ? !needed?.has(key) : now?.has(key) && !needs?.has(key),
  )
  return [
    ...gone.map((key) => `has no field ${key} any more`),
    ...required.map((key) =>
      side === 'request' ? `requires ${key}` : `does not always have ${key} any more`,
    ),
  ]
}

function typeBreaks({ released, current }: { released: Json; current: Json }, side: Side): string[] {
  const changed = ['type', 'const', 'format'].filter(
    (key) => released[key] !== undefined && current[key] !== undefined && released[key] !== current[key],
  )
  const values = (schema: Json) => (Array.isArray(schema.enum) ? schema.enum.map(String) : undefined)
  const [before, now] = [values(released), values(current)]
  const lost = before === undefined || now === undefined ? [] : before.filter((each) => !now.includes(each))
  const gained = before === undefined || now === undefined ? [] : now.filter((each) => !before.includes(each))
  return [
    ...changed.map((key) => `has another ${key}`),
    ...(side === 'request' ? lost.map((each) => `does not accept ${each} any more`) : []),
    ...(side === 'answer' ? gained.map((each) => `has the new value ${each}`) : []),
    ...(side === 'request' ? tighter(released, current) : []),
  ]
}

/** Bounds of a request that now accept less. */
function tighter(released: Json, current: Json): string[] {
  const upper = ['maximum', 'maxLength', 'maxItems']
  const lower = ['minimum', 'minLength', 'minItems']
  const less = (key: string, sign: 1 | -1) => {
    const [before, now] = [released[key], current[key]]
    return typeof now === 'number' && (typeof before !== 'number' || sign * now < sign * before)
  }
  return [...upper.filter((key) => less(key, 1)), ...lower.filter((key) => less(key, -1))].map(
    (key) => `has a tighter ${key}`,
  )
}

/** Choices are compared in their order: a request must keep each, and an answer must not have another. */
function choiceBreaks(
  documents: Documents,
  change: { released: Json; current: Json },
  place: Place,
): string[] {
  const listOf = (schema: Json) => (Array.isArray(schema.anyOf) ? schema.anyOf : [])
  const [before, now] = [listOf(change.released), listOf(change.current)]
  if (before.length === 0 || now.length === 0) return []
  const fits = (released: unknown, current: unknown) =>
    schemaBreaks(documents, { released, current }, place).length === 0
  const unmatched =
    place.side === 'request'
      ? before.filter((each) => !now.some((other) => fits(each, other)))
      : now.filter((each) => !before.some((other) => fits(other, each)))
  return unmatched.map(() => `${place.place} has other choices`)
}
