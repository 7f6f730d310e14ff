import { hash } from 'node:crypto'
import type { Knex } from 'knex'
import type { Prepared } from '../platform/http/index.ts'
import { currentText, readScopeTexts } from './store/current-texts.ts'
import type { CurrentFilter } from './store/releases.ts'

/** Answers to "what runs", whole. */
export interface Current {
  read(filter: Pick<CurrentFilter, 'clientName' | 'envName' | 'at'>, now: Date): Promise<Prepared>
}

/** A namespace's part of the answer, as long as nothing was written below it. */
interface Part {
  id: number
  version: string
  namespace: string
  releases: number
  text: Buffer
}

const json = 'application/json; charset=utf-8'
/** What parts may take together: some fifty thousand containers. */
const keepBytes = 32 * 1024 * 1024

/**
 * Keeps the text of each namespace with the version that it was made of; a reading asks the database for the versions,
 * and for the text of those that are others now. So nothing is ever behind, and what did not change costs nothing.
 */
export function createCurrent(db: Knex): Current {
  // The one that was used last is last.
  const parts = new Map<number, Part>()
  let bytes = 0

  function forget(part: Part | undefined): void {
    if (part === undefined) return
    parts.delete(part.id)
    bytes -= part.text.length
  }

  function keep(part: Part): void {
    forget(parts.get(part.id))
    parts.set(part.id, part)
    bytes += part.text.length
    for (const oldest of parts.values()) {
      if (bytes <= keepBytes) break
      forget(oldest)
    }
  }

  async function present(filter: Pick<CurrentFilter, 'clientName' | 'envName'>): Promise<Part[]> {
    // Kept here: while the database answers, another reading may push one out.
    const known = new Map(parts)
    const found = await readScopeTexts(db, filter, [...known.values()])
    const all = found.map((row) => {
      const before = known.get(row.id)
      const part = before?.version === row.version ? before : { ...row, text: Buffer.from(row.text ?? '') }
      keep(part)
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
          return bodyOf(found, now, found.map(({ id, version }) => `${id}:${version}`).join())
      }
      const found = await currentText(db, filter)
      return bodyOf(
        found.map((each) => ({ ...each, text: Buffer.from(each.text) })),
        now,
      )
    },
  }
}

/** @param state what the text was made of, where that is known: it tells bodies apart that only say another time. */
function bodyOf(found: Omit<Part, 'id' | 'version'>[], now: Date, state?: string): Prepared {
  const rest = JSON.stringify({
    ordered_namespaces: found.map(({ namespace }) => namespace),
    total: found.reduce((sum, { releases }) => sum + releases, 0),
    next_cursor: null,
    timestamp: now.toISOString(),
  })
  const pieces = found.flatMap(({ namespace, text }, index) => [
    Buffer.from(`${index === 0 ? '' : ','}${JSON.stringify(namespace)}:[`),
    text,
    Buffer.from(']'),
  ])
  const body = Buffer.concat([Buffer.from('{"namespaces":{'), ...pieces, Buffer.from(`},${rest.slice(1)}`)])
  const digest = hash('sha1', state ?? body, 'base64url')
  // Weak, since the time in it is another one.
  return { body, contentType: json, etag: state === undefined ? `"${digest}"` : `W/"${digest}"` }
}
