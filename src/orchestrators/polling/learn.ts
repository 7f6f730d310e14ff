import { createHash } from 'node:crypto'
import { readingsOf } from '../node/answers.ts'
import { networks } from '../node/networks.ts'
import type { KnownNetworks } from '../store/nodes.ts'
import type { Learnt } from '../store/samples.ts'
import { confirm } from './confirm.ts'
import type { Observation } from './poll-node.ts'

/** The database rows of an observation: its sample, and the node's new state. */
export function learn(
  observation: Observation,
  input: { at: Date; limits: { offlineAfter: number; onlineAfter: number } },
): Learnt {
  const { node, status, verdict } = observation
  const confirmation = confirm(node.confirmation, observation, input.limits)
  const reading = (name: (typeof networks)[number]) => status?.networks[name]
  const momentum = status?.momentum ?? node.momentum
  return {
    nodeId: node.id,
    revision: node.revision,
    verdict,
    ...confirmation,
    state: observation.state,
    responseMs: observation.responseMs,
    error: observation.error,
    sampleMomentum: status?.momentum ?? null,
    momentum,
    momentumAt: momentum === node.momentum ? earlier(node.momentumAt, input.at) : input.at,
    backlog: networks.flatMap((name) => [reading(name)?.wraps ?? null, reading(name)?.unwraps ?? null]),
    networks: status === null ? node.networks : known(observation, input.at),
    identity: observation.identity?.value ?? null,
    identityId: node.identityId,
    identityAt: identityAt(observation, input.at),
    raw: rawOf(observation),
  }
}

function identityAt({ identity, identityStale, node }: Observation, at: Date): Date | null {
  if (identity !== null) return at
  return identityStale ? null : node.identityAt
}

/** A time in the future was written by a clock that was ahead. */
const earlier = (known: Date | null, at: Date) => (known !== null && known < at ? known : at)

/** The time at which a height was first seen, which shows how long it has not moved. */
function known({ node, status }: Observation, at: Date): KnownNetworks {
  if (status === null) return node.networks
  return Object.fromEntries(
    readingsOf(status).map(({ name, reading }) => {
      const before = node.networks[name]
      const still = before !== undefined && before.height === reading.height
      const since = still && before.heightAt ? earlier(new Date(before.heightAt), at) : at
      return [name, { ...reading, heightAt: since.toISOString() }]
    }),
  )
}

/** The whole answer is stored if a part without a column of its own has changed. */
function rawOf(observation: Observation): Learnt['raw'] {
  const { status, identity, node } = observation
  if (status === null) return null
  const identityText = identity === null ? null : textOf(identity.raw)
  const unchanging = textOf(status.unchanging)
  const statusText = textOf(observation.rawStatus)
  if (unchanging === null || statusText === null) return null
  const who = JSON.stringify(identity?.value ?? node.identity)
  const digest = createHash('sha256').update(`${unchanging}\n${who}`).digest()
  if (node.rawDigest !== null && digest.equals(node.rawDigest)) return null
  return { digest: digest.toString('hex'), identity: identityText, status: statusText }
}

/** Null for an answer nested too deeply for PostgreSQL. */
function textOf(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null
  } catch {
    return null
  }
}
