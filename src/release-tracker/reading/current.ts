import { hash } from 'node:crypto'
import type { Knex } from 'knex'
import type { Prepared } from '../../platform/http/index.ts'
import type { CurrentFilter } from '../store/releases.ts'
import { currentText, readScopeTexts, type ScopeText, sinceSeen } from './current-texts.ts'

/** Builds whole answers of `GET /api/releases/current`. */
export interface Current {
  read(filter: Pick<CurrentFilter, 'clientName' | 'envName' | 'at'>, now: Date): Promise<Prepared>
}

/** A namespace's part of the answer. */
interface Piece {
  namespace: string
  releases: number
  text: Buffer
  /** Byte offsets in the text at which the namespace's `last_seen` belongs. */
  seenAt: number[]
  lastSeen: string | null
}

/** The cached part of a namespace. Only its time changes until something in the namespace is written. */
interface Part extends Piece {
  id: number
  version: string
  clientName: string
  envName: string
}

const json = 'application/json; charset=utf-8'
/** Upper bound on the size of all cached parts: some fifty thousand containers. */
const maxCachedBytes = 32 * 1024 * 1024
/** Memory of a part in addition to its text. */
const partBytes = 1024
const weightOf = ({ text, seenAt }: Part) => text.length + 8 * seenAt.length + partBytes

/**
 * Caches the text of each namespace with its version. Each read queries the versions, the times, and the texts of the
 * namespaces whose version has changed. So answers are never stale, and unchanged namespaces cost nothing.
 */
export function createCurrent(db: Knex): Current {
  // Sorted by last use, the most recent last.
  const parts = new Map<number, Part>()
  let bytes = 0

  function forget(part: Part | undefined): void {
    if (part === undefined) return
    parts.delete(part.id)
    bytes -= weightOf(part)
  }

  function keep(part: Part): void {
    forget(parts.get(part.id))
    parts.set(part.id, part)
    bytes += weightOf(part)
    for (const oldest of parts.values()) {
      if (bytes <= maxCachedBytes) break
      forget(oldest)
    }
  }

  async function present(filter: Pick<CurrentFilter, 'clientName' | 'envName'>): Promise<Part[]> {
    // Kept here: while the database answers, another reading may push one out.
    const known = new Map(parts)
    const asked = known.values().filter((part) => matches(part, filter))
    const found = await readScopeTexts(db, filter, [...asked])
    const all = found.map((row) => {
      const before = known.get(row.id)
      const part = before?.version === row.version ? { ...before, lastSeen: row.lastSeen } : partOf(row)
      // A namespace where nothing runs costs the database less than us.
      if (row.lasting && part.releases > 0) keep(part)
      else forget(parts.get(part.id))
      return part
    })
    return all.filter(({ releases }) => releases > 0)
  }

  return {
    async read(filter, now) {
      if (filter.at === undefined) {
        const found = await present(filter)
        // Namespaces of several environments are one list in the answer, in one order.
        if (new Set(found.map(({ namespace }) => namespace)).size === found.length)
          return bodyOf(
            found,
            now,
            found.map(({ id, version, lastSeen }) => `${id}:${version}:${lastSeen}`).join(),
          )
      }
      const found = await currentText(db, filter)
      return bodyOf(
        found.map((each) => ({ ...each, text: Buffer.from(each.text), seenAt: [], lastSeen: null })),
        now,
      )
    },
  }
}

/** Only parts that match the filter are sent to the database, so that other clients' data costs nothing. */
function matches(
  part: Part,
  { clientName, envName }: Pick<CurrentFilter, 'clientName' | 'envName'>,
): boolean {
  return (clientName ?? part.clientName) === part.clientName && (envName ?? part.envName) === part.envName
}

function partOf({ text: made, ...row }: ScopeText): Part {
  const text = Buffer.from(made ?? '')
  const seenAt: number[] = []
  for (let at = text.indexOf(sinceSeen); at !== -1; at = text.indexOf(sinceSeen, at + sinceSeen.length))
    seenAt.push(at + '"last_seen":"'.length)
  return { ...row, text, seenAt }
}

/** @param state the versions that the text was made from, if known: bodies with the same state differ only in their time */
function bodyOf(found: Piece[], now: Date, state?: string): Prepared {
  const rest = JSON.stringify({
    ordered_namespaces: found.map(({ namespace }) => namespace),
    total: found.reduce((sum, { releases }) => sum + releases, 0),
    next_cursor: null,
    timestamp: now.toISOString(),
  })
  const pieces: Buffer[] = []
  const times: { at: number; time: string }[] = []
  let length = 0
  const add = (piece: Buffer) => {
    pieces.push(piece)
    length += piece.length
  }
  add(Buffer.from('{"namespaces":{'))
  for (const [index, { namespace, text, seenAt, lastSeen }] of found.entries()) {
    add(Buffer.from(`${index === 0 ? '' : ','}${JSON.stringify(namespace)}:[`))
    for (const at of seenAt) times.push({ at: length + at, time: lastSeen ?? '' })
    add(text)
    add(Buffer.from(']'))
  }
  add(Buffer.from(`},${rest.slice(1)}`))
  const body = Buffer.concat(pieces, length)
  for (const { at, time } of times) body.write(time, at, 'latin1')
  const digest = hash('sha1', state ?? body, 'base64url')
  // Weak, because bodies with this tag may differ in their time.
  return { body, contentType: json, etag: state === undefined ? `"${digest}"` : `W/"${digest}"` }
}
