import { conflict, dependencyFailed } from '../../platform/errors.ts'
import { CloudError } from '../cloudflare/errors.ts'
import type { ZoneApi } from '../cloudflare/zones-api.ts'
import type { StepLog } from '../log.ts'
import { hostnameFault } from '../model/errors.ts'
import { type LookOptions, lookAtHostname, obstacleOf, type SeenHostname } from './look.ts'

export interface HostnameWork extends LookOptions {
  hostnames: string[]
  script: string
  deploymentId: string
  log: StepLog
}

/**
 * Before anything is changed: which of the host names lead to the script already, for the way back.
 * @throws STATE_001 (409), STATE_003 (424) for those that it can't have.
 */
export async function ownHostnames(work: Omit<HostnameWork, 'log' | 'deploymentId'>): Promise<string[]> {
  const own: string[] = []
  for (const text of work.hostnames) {
    const seen = await lookAtHostname(work, text)
    const obstacle = obstacleOf(seen, work.script)
    if (obstacle?.kind === 'conflict') throw conflict(obstacle.problem, {}, { retryable: false })
    if (obstacle !== undefined) throw dependencyFailed(obstacle.problem, { retryable: false })
    if (seen.leadsTo !== undefined) own.push(text)
  }
  return own
}

/** Makes every host name lead to the script. What is so already, by an earlier run too, is left as it is. */
export async function configureHostnames(work: HostnameWork): Promise<void> {
  for (const text of work.hostnames) {
    const seen = await lookAtHostname(work, text)
    if (seen.leadsTo?.script === work.script) work.log.info(`${text} is already routed to ${work.script}`)
    else await lead(work, seen)
    if (seen.kind === 'route') await ensureRecord(work, seen)
  }
}

async function lead({ zones, signal, script, log }: HostnameWork, seen: SeenHostname): Promise<void> {
  const { text, zone, leadsTo } = seen
  if (zone === undefined) throw refused(`${text}: the account has no zone for this host name`)
  // Its records may be somebody's who made them since the plan was made: the cloud refuses those itself.
  if (leadsTo !== undefined) throw refused(`${text} has since been routed to the Worker ${leadsTo.script}`)
  if (seen.kind === 'domain') {
    await zones.putDomain({ hostname: text, service: script, zoneId: zone.id }, signal)
  } else {
    await createRoute({ zones, signal, script, text, zoneId: zone.id })
  }
  log.info(`Routed ${text} to ${script} (zone ${zone.name})`)
}

/** One that an earlier run sent may arrive before this one: then the pattern is there, and ours. */
async function createRoute(about: {
  zones: ZoneApi
  signal: AbortSignal
  script: string
  text: string
  zoneId: string
}): Promise<void> {
  const { zones, signal, script, text, zoneId } = about
  try {
    await zones.createRoute(zoneId, { pattern: text, script }, signal)
  } catch (error) {
    if (!(error instanceof CloudError) || error.code !== duplicatePattern) throw error
    const present = (await zones.routes(zoneId, signal)).find(({ pattern }) => pattern === text)
    if (present?.script !== script) throw error
  }
}

const duplicatePattern = 10020

/** A route takes effect only where Cloudflare answers for the host. The mark is our deployment's id as its comment. */
async function ensureRecord(work: HostnameWork, seen: SeenHostname): Promise<void> {
  const { zones, signal, deploymentId, log } = work
  const { host, zone, records } = seen
  if (zone === undefined) return
  if (records.length > 0) {
    if (!records.some(({ proxied }) => proxied))
      log.warn(`The DNS records of ${host} are not proxied: the route ${seen.text} gets no requests`)
    return
  }
  try {
    await zones.createRecord(zone.id, { name: host, comment: deploymentId }, signal)
    log.info(`Created a proxied DNS record for ${host}`)
  } catch (error) {
    if (!(error instanceof CloudError) || !identical.has(error.code)) throw error
  }
}

const identical = new Set([81057, 81058])

const refused = (problem: string) => hostnameFault(problem, { retryable: false })

export interface WithdrawWork extends Omit<HostnameWork, 'deploymentId'> {
  /** Host names that led to the script before. */
  before: string[]
  /** Ids of the deployments whose records these are. */
  marks: string[]
}

/**
 * Takes back what a deployment made: host names that led nowhere before, and records with its mark. What others
 * have pointed elsewhere meanwhile is theirs.
 * @returns those that were taken back.
 */
export async function withdrawHostnames(work: WithdrawWork): Promise<string[]> {
  const { zones, signal, script, marks, before, log } = work
  const withdrawn: string[] = []
  for (const text of work.hostnames.filter((each) => !before.includes(each))) {
    const { kind, zone, leadsTo, records } = await lookAtHostname(work, text)
    if (zone === undefined) continue
    if (leadsTo?.script === script) {
      if (kind === 'domain') await zones.deleteDomain(leadsTo.id, signal)
      else await zones.deleteRoute(zone.id, leadsTo.id, signal)
      log.info(`Removed the route from ${text} to ${script}`)
      withdrawn.push(text)
    } else if (leadsTo !== undefined) {
      log.warn(`Left ${text} unchanged: it has since been routed to the Worker ${leadsTo.script}`)
    }
    for (const record of records.filter(({ comment }) => marks.includes(comment ?? ''))) {
      await zones.deleteRecord(zone.id, record.id, signal)
      log.info(`Removed the DNS record of ${record.name}`)
    }
  }
  return withdrawn
}
