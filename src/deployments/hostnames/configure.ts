import { conflict, dependencyFailed } from '../../platform/errors.ts'
import { CloudError } from '../cloudflare/errors.ts'
import type { ZoneApi } from '../cloudflare/zones-api.ts'
import type { StepLog } from '../log.ts'
import { hostnameFault } from '../model/errors.ts'
import { type HostnameState, inspectHostname, obstacleOf, type ZoneAccess } from './inspect.ts'

export interface HostnameWork extends ZoneAccess {
  hostnames: string[]
  script: string
  deploymentId: string
  log: StepLog
}

/**
 * Lists the host names that are already routed to the script, before the deployment changes anything; a rollback keeps
 * them. @throws STATE_001 (409), STATE_003 (424) for host names that are not available
 */
export async function ownHostnames(work: Omit<HostnameWork, 'log' | 'deploymentId'>): Promise<string[]> {
  const own: string[] = []
  for (const text of work.hostnames) {
    const seen = await inspectHostname(work, text)
    const obstacle = obstacleOf(seen, work.script)
    if (obstacle?.kind === 'conflict') throw conflict(obstacle.problem, {}, { retryable: false })
    if (obstacle !== undefined) throw dependencyFailed(obstacle.problem, { retryable: false })
    if (seen.leadsTo !== undefined) own.push(text)
  }
  return own
}

/** Routes every host name to the script. Makes no call for existing routes, e.g. those of an earlier run. */
export async function configureHostnames(work: HostnameWork): Promise<void> {
  for (const text of work.hostnames) {
    const seen = await inspectHostname(work, text)
    if (seen.leadsTo?.script === work.script) work.log.info(`${text} is already routed to ${work.script}`)
    else await routeHostname(work, seen)
    if (seen.kind === 'route') await ensureRecord(work, seen)
  }
}

async function routeHostname(
  { zones, signal, script, log }: HostnameWork,
  seen: HostnameState,
): Promise<void> {
  const { text, zone, leadsTo } = seen
  if (zone === undefined) throw refused(`${text}: the account has no zone for this host name`)
  // The cloud itself refuses a host name whose DNS records were created since the plan was made.
  if (leadsTo !== undefined) throw refused(`${text} has since been routed to the Worker ${leadsTo.script}`)
  if (seen.kind === 'domain') {
    await zones.putDomain({ hostname: text, service: script, zoneId: zone.id }, signal)
  } else {
    await createRoute({ zones, signal, script, text, zoneId: zone.id })
  }
  log.info(`Routed ${text} to ${script} (zone ${zone.name})`)
}

/** Creates a route. Succeeds if it exists already, because a call of an earlier run may arrive first. */
async function createRoute(input: {
  zones: ZoneApi
  signal: AbortSignal
  script: string
  text: string
  zoneId: string
}): Promise<void> {
  const { zones, signal, script, text, zoneId } = input
  try {
    await zones.createRoute(zoneId, { pattern: text, script }, signal)
  } catch (error) {
    if (!(error instanceof CloudError) || error.code !== duplicatePatternCode) throw error
    const present = (await zones.routes(zoneId, signal)).find(({ pattern }) => pattern === text)
    if (present?.script !== script) throw error
  }
}

const duplicatePatternCode = 10020

/** Creates the proxied DNS record that a route needs to receive requests. Its comment is the deployment's id. */
async function ensureRecord(work: HostnameWork, seen: HostnameState): Promise<void> {
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
    if (!(error instanceof CloudError) || !identicalRecordCodes.has(error.code)) throw error
  }
}

const identicalRecordCodes = new Set([81057, 81058])

const refused = (problem: string) => hostnameFault(problem, { retryable: false })

export interface WithdrawWork extends Omit<HostnameWork, 'deploymentId'> {
  /** Host names that were routed to the script before. */
  before: string[]
  /** Ids of the deployments whose DNS records are removed. */
  marks: string[]
}

/**
 * Removes what a deployment created: routes of host names that had none before, and DNS records with its mark. Host
 * names that were since routed to another Worker stay.
 * @returns the host names whose routes were removed
 */
export async function withdrawHostnames(work: WithdrawWork): Promise<string[]> {
  const { zones, signal, script, marks, before, log } = work
  const withdrawn: string[] = []
  for (const text of work.hostnames.filter((each) => !before.includes(each))) {
    const { kind, zone, leadsTo, records } = await inspectHostname(work, text)
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
