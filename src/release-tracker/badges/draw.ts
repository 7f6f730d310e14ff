import { type Prepared, prepare } from '../../platform/http/index.ts'

export const styles = ['flat', 'flat-square', 'plastic', 'for-the-badge', 'social'] as const
export type Style = (typeof styles)[number]

export interface Badge {
  label: string
  message: string
  color: string
}

export const colors = { green: '#4c1', grey: '#9f9f9f', yellow: '#dfb317', red: '#e05d44' } as const

/** Cached images. Few differ, because a badge has little text. */
const keep = 2000

/** Draws badges and caches them by their text, colour and style. */
export function createDrawing(): (badge: Badge, as: Style | 'json') => Promise<Prepared> {
  const known = new Map<string, Prepared>()
  return async (badge, as) => {
    const key = JSON.stringify([badge.label, badge.message, badge.color, as])
    const before = known.get(key)
    if (before !== undefined) return before
    const drawn = await draw(badge, as)
    const [oldest] = known.keys()
    if (known.size >= keep && oldest !== undefined) known.delete(oldest)
    known.set(key, drawn)
    return drawn
  }
}

async function draw(badge: Badge, as: Style | 'json'): Promise<Prepared> {
  const { label, message, color } = badge
  if (as !== 'json') {
    // Loaded on demand: the library contains a megabyte of character widths.
    const { makeBadge } = await import('badge-maker')
    const picture = makeBadge({ label, message, color, labelColor: '#555', style: as })
    return prepare(picture, 'image/svg+xml; charset=utf-8')
  }
  const endpoint = { schemaVersion: 1, label, message, color, isError: color === colors.red }
  return prepare(JSON.stringify(endpoint), 'application/json; charset=utf-8')
}
