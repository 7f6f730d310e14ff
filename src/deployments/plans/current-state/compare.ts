import { isDeepStrictEqual } from 'node:util'
import type { AppState, PresentBinding, TrafficShare } from '../../model/app-state.ts'
import { triggerDifferences } from '../triggers/changes.ts'
import { kindOf } from './bindings.ts'

/**
 * Describes the changes of an app between two states; empty if there are none.
 * @param now the later state; its bindings are compared only if other versions serve
 */
export function changesBetween(before: AppState, now: AppState, script: string): string[] {
  if (before.exists !== now.exists) {
    return [now.exists ? `the Worker ${script} was created` : `the Worker ${script} was deleted`]
  }
  const trafficChanged = !sameTraffic(before.traffic, now.traffic)
  return [
    ...(trafficChanged ? [`${shown(now.traffic)} instead of ${shownBriefly(before.traffic)}`] : []),
    ...(trafficChanged ? bindingChanges(before.bindings, now.bindings) : []),
    ...(before.migrationTag === now.migrationTag
      ? []
      : ['the Durable Object classes were changed by a migration']),
    ...flagChange('the workers.dev address was', before.workersDev, now.workersDev),
    ...flagChange('the preview URLs were', before.previewUrls, now.previewUrls),
    ...settingChanges(before.settings, now.settings),
    ...hostnameChanges(before.hostnames, now.hostnames),
    ...containerChange(before, now),
    ...triggerDifferences(before.triggers, now.triggers),
  ]
}

/** Compares traffic shares regardless of their order. */
export function sameTraffic(a: TrafficShare[], b: TrafficShare[]): boolean {
  const shareOf = ({ versionId, percentage }: TrafficShare) => `${versionId} ${percentage}`
  return isDeepStrictEqual(a.map(shareOf).toSorted(), b.map(shareOf).toSorted())
}

const shownBriefly = (traffic: TrafficShare[]) =>
  traffic
    .map(({ versionId, percentage }) => (percentage === 100 ? versionId : `${versionId} (${percentage} %)`))
    .join(' and ') || 'none'

function shown(traffic: TrafficShare[]): string {
  if (traffic.length === 0) return 'no version serves'
  return traffic.length === 1
    ? `version ${shownBriefly(traffic)} serves`
    : `the versions ${shownBriefly(traffic)} serve`
}

function bindingChanges(before: PresentBinding[], now: PresentBinding[]): string[] {
  const find = (list: PresentBinding[], { name, type }: PresentBinding) =>
    list.find((each) => each.name === name && kindOf(each.type) === kindOf(type))
  const added = now.filter((each) => find(before, each) === undefined)
  const removed = before.filter((each) => find(now, each) === undefined)
  const changed = now.filter((each) => {
    const earlier = find(before, each)
    return earlier !== undefined && earlier.fingerprint !== each.fingerprint
  })
  const describe = (list: PresentBinding[], what: string) =>
    list.map(({ type, name }) => `the ${kindOf(type)} ${name} was ${what}`)
  return [...describe(added, 'added'), ...describe(changed, 'changed'), ...describe(removed, 'removed')]
}

const flagChange = (what: string, before: boolean, now: boolean) =>
  before === now ? [] : [`${what} ${now ? 'enabled' : 'disabled'}`]

function settingChanges(before: Record<string, unknown>, now: Record<string, unknown>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((name) => !isDeepStrictEqual(before[name], now[name]))
    .map((name) => `the setting ${name} was changed`)
}

function hostnameChanges(before: AppState['hostnames'], now: AppState['hostnames']): string[] {
  return Object.entries(now)
    .filter(([name, script]) => (before[name] ?? null) !== script)
    .map(([name, script]) => `${name} is routed to ${script === null ? 'no Worker' : `the Worker ${script}`}`)
}

function containerChange(before: AppState, now: AppState): string[] {
  if (isDeepStrictEqual(before.container ?? null, now.container ?? null)) return []
  return ['the container runs another image or has another size']
}
