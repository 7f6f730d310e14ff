import { z } from 'zod'
import { settingGroup } from '../platform/config/settings.ts'

/** How the bridge's nodes are watched. Times are in milliseconds here, in seconds outside. */
export interface OrchestratorsConfig {
  pollIntervalMs: number
  /** For all that a node is asked in one cycle. */
  rpcTimeoutMs: number
  /** Of nodes that are added without one. */
  rpcPort: number
  /** Confirmed nodes that the bridge needs. */
  minOnline: number
  /** Bad samples in a row until an online node counts as offline, and good ones back. */
  offlineAfter: number
  onlineAfter: number
  /** How long a height may stand still, or backlogs differ, before it is a signal. */
  stallAfterMs: number
  /** Above this many nodes a cycle is spread over the workers in parts of this size. */
  shardSize: number
  /** Unset: samples are kept for ever. */
  sampleRetentionDays: number | undefined
}

const whole = (min: number, max: number) =>
  z.coerce
    .number('expected a number')
    .int('expected a whole number')
    .min(min, `expected ${min} or more`)
    .max(max, `expected ${max} or less`)
const number = (fallback: number, min: number, max: number) => whole(min, max).default(fallback)

const about = settingGroup('The bridge monitor', ['worker'])

export const orchestratorVariables = z.object({
  ORCHESTRATOR_POLL_INTERVAL: about(number(60, 1, 3600), 'time between two poll cycles', { unit: 'seconds' }),
  ORCHESTRATOR_RPC_TIMEOUT: about(number(10, 1, 60), 'time limit for all requests to a node in one cycle', {
    unit: 'seconds',
  }),
  ORCHESTRATOR_RPC_PORT: about(number(55_000, 1, 65_535), 'port of nodes that are added without one', {
    usedBy: ['web', 'commands'],
  }),
  MIN_ONLINE_FOR_BRIDGE: about(
    number(16, 1, 100_000),
    'number of confirmed online nodes for an online bridge',
    { usedBy: ['web', 'worker'], unit: 'nodes' },
  ),
  OFFLINE_AFTER: about(number(2, 1, 100), 'bad samples in a row that make a node offline', {
    unit: 'samples',
  }),
  ONLINE_AFTER: about(number(1, 1, 100), 'good samples in a row that make a node online again', {
    unit: 'samples',
  }),
  ORCHESTRATOR_STALL_AFTER: about(
    number(300, 1, 86_400),
    'time without a rising height, or with diverging backlogs, until a signal',
    { usedBy: ['web'], unit: 'seconds' },
  ),
  ORCHESTRATOR_SHARD_SIZE: about(number(1000, 1, 10_000), 'maximum number of nodes that one job polls', {
    unit: 'nodes',
  }),
  // Not shorter than a day: hours that are being rolled up must keep their samples.
  SAMPLE_RETENTION_DAYS: about(whole(2, 36_500).optional(), 'time for which samples are kept', {
    unit: 'days',
    without: 'forever',
  }),
})

export function orchestratorsConfig(vars: z.infer<typeof orchestratorVariables>): OrchestratorsConfig {
  return {
    pollIntervalMs: vars.ORCHESTRATOR_POLL_INTERVAL * 1000,
    rpcTimeoutMs: vars.ORCHESTRATOR_RPC_TIMEOUT * 1000,
    rpcPort: vars.ORCHESTRATOR_RPC_PORT,
    minOnline: vars.MIN_ONLINE_FOR_BRIDGE,
    offlineAfter: vars.OFFLINE_AFTER,
    onlineAfter: vars.ONLINE_AFTER,
    stallAfterMs: vars.ORCHESTRATOR_STALL_AFTER * 1000,
    shardSize: vars.ORCHESTRATOR_SHARD_SIZE,
    sampleRetentionDays: vars.SAMPLE_RETENTION_DAYS,
  }
}
