import type { Knex } from 'knex'
import { appendEvents, type NewEvent } from '../../platform/events/index.ts'
import type { Outcome, Run } from '../../platform/jobs/index.ts'
import type { TrackerContext } from '../context.ts'
import { releasesStream } from '../history/record.ts'
import {
  lockPingsNotOffline,
  type Ping,
  type PingStatus,
  recordPing,
  setPingStatus,
} from '../store/push/pings.ts'
import type { Place } from '../store/scopes.ts'
import { createMasterClient, notDelivered } from './sending/master-client.ts'

const minute = 60_000

export function statusByAge(lastPing: Date, now: Date): PingStatus {
  const age = now.getTime() - lastPing.getTime()
  // Recorded by a clock that was ahead, so its age is unknown.
  if (age < -minute) return 'offline'
  if (age <= 10 * minute) return 'online'
  return age <= 15 * minute ? 'warning' : 'offline'
}

/** How far the sender's clock is ahead of ours; the transfer time of the ping is included. */
export const skewSeconds = ({ sentAt, lastPing }: Ping): number | null =>
  sentAt === null ? null : Math.round((sentAt.getTime() - lastPing.getTime()) / 1000)

/** On a slave. */
export async function pingMaster(context: TrackerContext, run: Run): Promise<Outcome> {
  const { config, version, now } = context
  if (config.master === undefined) return { kind: 'done' }
  const master = createMasterClient(config.master)
  try {
    const body = {
      client_name: config.clientName,
      env_name: config.envName,
      slave_version: version,
      timestamp: now().toISOString(),
    }
    const answer = await master.post('/api/ping', body, run.signal)
    return answer.status === 200
      ? { kind: 'done' }
      : { kind: 'retry', error: notDelivered('the ping', answer) }
  } catch (error) {
    if (run.signal.aborted) throw error
    return { kind: 'retry', error: notDelivered('the ping', error) }
  } finally {
    await master.close()
  }
}

/** On a master. */
export async function receivePing(
  trx: Knex.Transaction,
  ping: { place: Place; at: Date; sentAt: Date | undefined; slaveVersion: string | undefined },
): Promise<void> {
  const before = await recordPing(trx, ping)
  if (before === 'online') return
  await appendEvents(trx, [
    statusEvent(ping.place, { from: before ?? 'never', to: 'online', lastPing: ping.at }),
  ])
}

/** Tells who has fallen silent since the last look. */
export async function checkPings(context: TrackerContext, run: Run): Promise<Outcome> {
  await run.write(async (trx) => {
    const events: NewEvent[] = []
    for (const { place, lastPing, status } of await lockPingsNotOffline(trx)) {
      const to = statusByAge(lastPing, context.now())
      if (to === status) continue
      await setPingStatus(trx, place, to)
      events.push(statusEvent(place, { from: status, to, lastPing }))
    }
    await appendEvents(trx, events)
  })
  return { kind: 'done' }
}

function statusEvent(
  place: Place,
  { from, to, lastPing }: { from: string; to: PingStatus; lastPing: Date },
): NewEvent {
  return {
    stream: releasesStream(place.clientName),
    type: 'status',
    data: {
      client_name: place.clientName,
      env_name: place.envName,
      status: to,
      previous_status: from,
      last_ping: lastPing.toISOString(),
    },
  }
}
