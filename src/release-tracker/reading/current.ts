import { hash } from 'node:crypto'
import type { Knex } from 'knex'
import type { Prepared } from '../../platform/http/index.ts'
import type { CurrentFilter } from '../store/releases.ts'
import { currentText, readScopeTexts, type ScopeText, sinceSeen } from './current-texts.ts'

/** Answers to "what runs", whole. */
export interface Current {
  read(filter: Pick<CurrentFilter, 'clientName' | 'envName' | 'at'>, now: Date): Promise<Prepared>
}

/** A namespace's part of the answer. */
interface Piece {
  namespace: string
  releases: number
  text: Buffer
  /** Where in the text the namespace's time goes, and that time. */
  seenAt: number[]
  lastSeen: string | null
}

/** One as it is now; all but its time stays as long as nothing below it is written. */
interface Part extends Piece {
  id: number
  version: string
  clientName: string
  envName: string
}

const json = 'application/json; charset=utf-8'
/** What parts may take together: some fifty thousand containers. */
const keepBytes = 32 * 1024 * 1024
/** What a part takes beside its text. */
const partBytes = 1024
const weightOf = ({ text, seenAt }: Part) => text.length + 8 * seenAt.length + partBytes

/**
 * Keeps the text of each namespace with the version that it was made of; a reading asks the database for the versions,
 * for when each was seen, and for the text of those that are others now. So nothing is ever behind, and what did not
 * change costs nothing, however often it is collected.
 */
export function createCurrent(db: Knex): Current {
  // The one that was used last is last.
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
      if (bytes <= keepBytes) break
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

/** Of others nothing is told, so that what they have costs nobody else. */
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

/** @param state what the text was made of, where that is known: it tells bodies apart that only say another time. */
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
  // Weak, since the time in it is another one.
  return { body, contentType: json, etag: state === undefined ? `"${digest}"` : `W/"${digest}"` }
}
