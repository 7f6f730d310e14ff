import { createHash } from 'node:crypto'
import { readingsOf } from '../node/answers.ts'
import { networks } from '../node/networks.ts'
import type { KnownNetworks } from '../store/nodes.ts'
import type { Learnt } from '../store/samples.ts'
import { confirm } from './confirm.ts'
import type { Observation } from './poll-node.ts'

/** What an observation leaves in the database: its sample, and the node's new state. */
export function learn(
  observation: Observation,
  about: { at: Date; limits: { offlineAfter: number; onlineAfter: number } },
): Learnt {
  const { node, status, verdict } = observation
  const confirmation = confirm(node.confirmation, observation, about.limits)
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
    momentumAt: momentum === node.momentum ? earlier(node.momentumAt, about.at) : about.at,
    backlog: networks.flatMap((name) => [reading(name)?.wraps ?? null, reading(name)?.unwraps ?? null]),
    networks: status === null ? node.networks : known(observation, about.at),
    identity: observation.identity?.value ?? null,
    identityId: node.identityId,
    identityAt: identityAt(observation, about.at),
    raw: rawOf(observation),
  }
}

function identityAt({ identity, identityStale, node }: Observation, at: Date): Date | null {
  if (identity !== null) return at
  return identityStale ? null : node.identityAt
}

/** A time that is still to come was written by a clock that was ahead. */
const earlier = (known: Date | null, at: Date) => (known !== null && known < at ? known : at)

/** A height's time is when it was first seen: how long it stands still is what matters. */
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

/** Whole answers are kept when something changed in them that has no column of its own. */
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

/** Null for what a stranger nested too deeply to be written. */
function textOf(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null
  } catch {
    return null
  }
}
