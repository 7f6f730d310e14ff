import { quarantineOf, servedBy } from '../model/history.ts'
import type { TargetRow } from '../store/index.ts'
import { isOffered, type Serving, type ServingAnswer } from './serving.ts'

/** One version of an app, made by Capstan or outside it. */
export interface VersionView {
  id: string
  /** The deployment that made the version; null if wrangler, the dashboard or a changed secret made it. */
  deploymentId: string | null
  /** ISO 8601; null if the cloud does not report it. */
  createdAt: string | null
  state: 'serving' | 'previous' | 'rolled_back' | 'quarantined'
  digest: string | null
  madeBy: 'capstan' | 'outside'
  /** Share of the traffic in percent; null without a share, or if the cloud could not be read. */
  percentage: number | null
  /** True if the cloud can make the version serve; null if the cloud could not be read. */
  available: boolean | null
}

/** A serving version with its share of the traffic in percent. */
export interface ServingShare {
  version: string
  percentage: number
  deploymentId: string | null
  madeBy: 'capstan' | 'outside'
}

/** The serving versions; null if the cloud could not be read. */
export function sharesOf(history: TargetRow[], answer: ServingAnswer): ServingShare[] | null {
  if (!answer.known) return null
  return answer.serving.traffic.map(({ versionId, percentage }) => ({
    version: versionId,
    percentage,
    ...makerOf(history, answer.serving, versionId),
  }))
}

function makerOf(history: TargetRow[], { offered }: Serving, versionId: string) {
  const tag = offered.find(({ id }) => id === versionId)?.tag
  const maker = history.find((each) => each.versionId === versionId || each.id === tag)
  const madeBy = maker === undefined ? ('outside' as const) : ('capstan' as const)
  return { deploymentId: maker?.id ?? null, madeBy }
}

/** All versions made by Capstan, and those made outside that serve or have served; newest first. */
export function versionsOf(history: TargetRow[], answer: ServingAnswer): VersionView[] {
  const own = history.flatMap((row) => (row.versionId === null ? [] : [ownView(history, row, answer)]))
  if (!answer.known) return own
  const { serving } = answer
  const numbers = new Map(serving.offered.map(({ id, number }) => [id, number]))
  const numberOf = ({ id }: { id: string }) => numbers.get(id) ?? 0
  const outside = outsideViews(history, serving).toSorted((a, b) => numberOf(b) - numberOf(a))
  // Capstan's versions keep their order: the cloud no longer numbers the oldest ones.
  const listed = own.flatMap((each) => {
    const later = outside.findIndex((other) => numberOf(other) <= numberOf(each))
    return [...outside.splice(0, later === -1 ? outside.length : later), each]
  })
  return [...listed, ...outside]
}

function ownView(history: TargetRow[], row: TargetRow, answer: ServingAnswer): VersionView {
  const { id, digest, createdAt } = row
  const versionId = row.versionId ?? ''
  const share = shareOf(answer, versionId)
  const recorded = servedBy(history)
  const serves = answer.known
    ? share !== null
    : typeof recorded === 'object' && recorded.version === versionId
  return {
    id: versionId,
    deploymentId: id,
    createdAt: createdAt.toISOString(),
    state: serves ? 'serving' : idleState(history, row),
    digest,
    madeBy: 'capstan',
    percentage: share,
    available: answer.known ? isOffered(answer.serving, versionId) : null,
  }
}

function idleState(history: TargetRow[], { digest, status, served }: TargetRow): VersionView['state'] {
  if (quarantineOf(history, digest) !== undefined) return 'quarantined'
  return status === 'rolled_back' || !served ? 'rolled_back' : 'previous'
}

function outsideViews(history: TargetRow[], serving: Serving): VersionView[] {
  const recorded = new Set(history.map(({ versionId }) => versionId))
  const ids = new Set([...serving.traffic.map(({ versionId }) => versionId), ...serving.served])
  return [...ids].flatMap((id) => {
    if (recorded.has(id)) return []
    const share = shareOf({ known: true, serving }, id)
    const { deploymentId, madeBy } = makerOf(history, serving, id)
    const maker = history.find((row) => row.id === deploymentId)
    return {
      id,
      deploymentId,
      createdAt: createdAt(serving, id),
      digest: maker?.digest ?? null,
      madeBy,
      state: share === null ? 'previous' : 'serving',
      percentage: share,
      available: isOffered(serving, id),
    }
  })
}

function createdAt({ offered }: Serving, id: string): string | null {
  const time = Date.parse(offered.find((each) => each.id === id)?.createdOn ?? '')
  return Number.isNaN(time) ? null : new Date(time).toISOString()
}

function shareOf(answer: ServingAnswer, id: string): number | null {
  if (!answer.known) return null
  return answer.serving.traffic.find(({ versionId }) => versionId === id)?.percentage ?? null
}
