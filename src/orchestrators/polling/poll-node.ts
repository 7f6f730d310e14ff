import { pause } from '../../platform/deadline.ts'
import type { NodeIdentity, NodeStatus } from '../node/answers.ts'
import type { NodeAnswer, NodeClient } from '../node/client.ts'
import { isOnlineState } from '../node/networks.ts'
import type { PolledNode } from '../store/nodes.ts'
import type { Verdict } from './confirm.ts'

/** What one cycle learnt of one node. */
export interface Observation {
  node: PolledNode
  verdict: Verdict
  /** Not to be confirmed by a second sample. */
  certain: boolean
  state: number | null
  responseMs: number | null
  error: string | null
  status: NodeStatus | null
  rawStatus: unknown
  /** Asked for in this cycle. */
  identity: { value: NodeIdentity; raw: unknown } | null
  /** The identity is to be asked for again in the next cycle. */
  identityStale: boolean
}

/** A node allows two requests a second to all who ask it. */
const throttledPauseMs = 1100
const identityHours = 1

/**
 * Asks a node for its status, and for its identity only when that is not known for an hour or the node may have been
 * restarted: one request a cycle as a rule. Ends with the signal at the latest. @throws the reason of `run`.
 */
export async function pollNode(
  client: NodeClient,
  node: PolledNode,
  about: { deadline: AbortSignal; run: AbortSignal; timeoutMs: number; now: number },
): Promise<Observation> {
  const startedAt = performance.now()
  const empty = { node, certain: false, state: null, status: null, rawStatus: null, identity: null }
  const ask = <T>(question: () => Promise<NodeAnswer<T>>) => patiently(question, about)
  const answer = await ask(() => client.status(node, about.deadline))
  const responseMs = Math.round(performance.now() - startedAt)
  if (answer.kind === 'throttled') {
    const error = 'Throttled: the node answers nobody more often'
    return { ...empty, verdict: 't', responseMs, error, identityStale: identityDue(node, about.now) }
  }
  if (answer.kind === 'failed') {
    const identityStale = answer.unreachable || identityDue(node, about.now)
    return { ...empty, verdict: 'b', responseMs: null, error: answer.message, identityStale }
  }
  const { value: status, raw: rawStatus } = answer
  const found = identityDue(node, about.now)
    ? await ask(() => client.identity(node, about.deadline))
    : undefined
  const identity = found?.kind === 'ok' ? found : null
  const shown = identity?.value.pubkey ?? (identity === null ? node.identity?.pubkey : null)
  const known = identity !== null || node.identity !== null
  const mismatch = node.pubkey !== null && known && shown !== node.pubkey
  return {
    node,
    verdict: isOnlineState(status.state) && !mismatch ? 'g' : 'b',
    certain: mismatch,
    state: status.state,
    responseMs,
    error: mismatch ? 'identity_mismatch: the node shows another key' : null,
    status,
    rawStatus,
    identity,
    identityStale: found !== undefined && identity === null,
  }
}

/** Once more after a 429; the deadline turns into an answer, a stop of the whole run does not. */
async function patiently<T>(
  question: () => Promise<NodeAnswer<T>>,
  about: { deadline: AbortSignal; run: AbortSignal; timeoutMs: number },
): Promise<NodeAnswer<T>> {
  let throttled = false
  try {
    const first = await question()
    if (first.kind !== 'throttled') return first
    throttled = true
    await pause(throttledPauseMs, about.deadline)
    return await question()
  } catch (error) {
    about.run.throwIfAborted()
    if (!about.deadline.aborted) throw error
    if (throttled) return { kind: 'throttled' }
    const message = `Network error: no answer within ${about.timeoutMs / 1000} s`
    return { kind: 'failed', unreachable: true, message }
  }
}

function identityDue(node: PolledNode, now: number): boolean {
  if (node.identityAt === null) return true
  const age = now - node.identityAt.getTime()
  return age < 0 || age >= identityHours * 3_600_000
}
