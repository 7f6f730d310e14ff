import { groupField, kindText } from '../kinds.ts'
import { skewSeconds, statusByAge } from '../push/ping.ts'
import type { Ping } from '../store/push/pings.ts'
import type { WaitingItems } from '../store/push/waiting.ts'
import type { CurrentRow, EnvironmentRow, HistoryRow } from '../store/releases.ts'
import type { Place } from '../store/scopes.ts'
import type { FoundRow } from '../store/search/search.ts'

export function currentView(row: CurrentRow) {
  return {
    namespace: row.namespace,
    workload_name: row.workload,
    workload_type: row.kind,
    ...groupField(row.api_group),
    container_name: row.container,
    image_repo: row.image_repo,
    image_name: row.image_name,
    image_tag: row.image_tag,
    image_sha: row.image_sha,
    client_name: row.client_name,
    env_name: row.env_name,
    first_seen: row.first_seen.toISOString(),
    last_seen: row.last_seen.toISOString(),
    state: row.state,
    pods: row.pods,
    images: row.images,
  }
}

/** The same for a table, which has no column for the API group: it is part of the kind. */
export const currentCells = (row: CurrentRow) => ({
  ...currentView(row),
  workload_type: kindText(row.kind, row.api_group),
})

export const historyCells = (row: HistoryRow) => ({
  ...historyView(row),
  workload_kind: kindText(row.kind, row.api_group),
})

export function historyView(row: HistoryRow) {
  return {
    image_tag: row.image_tag,
    image_sha: row.image_sha,
    first_seen: row.first_seen.toISOString(),
    last_seen: row.last_seen.toISOString(),
    image_repo: row.image_repo,
    image_name: row.image_name,
    workload_kind: row.kind,
    ...groupField(row.api_group),
    ended: row.ended,
    ended_at: row.ended_at?.toISOString() ?? null,
  }
}

const placeOf = ({ client_name, env_name, namespace, workload, container }: FoundRow) => ({
  ...{ client_name, env_name, namespace, workload_name: workload, container_name: container },
})

export const foundView = (row: FoundRow) => ({ ...placeOf(row), ...historyView(row) })
export const foundCells = (row: FoundRow) => ({ ...placeOf(row), ...historyCells(row) })

/** Lists environments with releases, and those that have only pings or rejected releases. */
export function environmentsView(input: {
  environments: EnvironmentRow[]
  pings: Ping[]
  waiting: (Place & { waiting: WaitingItems })[]
  now: Date
}) {
  const { environments, pings, waiting, now } = input
  const pairs = new Map<string, Set<string>>()
  const add = (client: string, env: string) => pairs.set(client, (pairs.get(client) ?? new Set()).add(env))
  for (const { client_name, env_name } of environments) add(client_name, env_name)
  for (const { place } of pings) add(place.clientName, place.envName)
  for (const { clientName, envName } of waiting) add(clientName, envName)
  const sorted = [...pairs.entries()]
    .map(([client, envs]) => [client, [...envs].toSorted()] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const statusOf = (client: string, env: string) => {
    const ping = pings.find(({ place }) => place.clientName === client && place.envName === env)
    return [env, ping === undefined ? { status: 'never' } : pingView(ping, now)] as const
  }
  return {
    clients_environments: Object.fromEntries(sorted),
    ping_statuses: Object.fromEntries(
      sorted.map(([client, envs]) => [client, Object.fromEntries(envs.map((env) => statusOf(client, env)))]),
    ),
    // What slaves have sent and was not stored: it waits with them.
    waiting_releases: Object.fromEntries(
      [...Map.groupBy(waiting, ({ clientName }) => clientName)].map(([client, each]) => [
        client,
        Object.fromEntries(each.map((one) => [one.envName, waitingView(one.waiting)])),
      ]),
    ),
    statistics: {
      total_clients: sorted.length,
      total_environments: sorted.reduce((sum, [, envs]) => sum + envs.length, 0),
      total_releases: environments.reduce((sum, { releases }) => sum + releases, 0),
    },
    timestamp: now.toISOString(),
  }
}

/** How many releases wait to be stored, since when the oldest, and why. */
export function waitingView({ items, since, reasons }: WaitingItems) {
  return { items, since: since.toISOString(), reasons }
}

function pingView(ping: Ping, now: Date) {
  return {
    status: statusByAge(ping.lastPing, now),
    last_ping: ping.lastPing.toISOString(),
    slave_version: ping.slaveVersion,
    clock_skew_seconds: skewSeconds(ping),
  }
}
