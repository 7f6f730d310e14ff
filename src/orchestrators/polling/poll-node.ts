import { pause } from '../../platform/deadline.ts'
import type { NodeIdentity, NodeStatus } from '../node/answers.ts'
import type { NodeAnswer, NodeClient } from '../node/client.ts'
import { isOnlineState } from '../node/networks.ts'
import type { PolledNode } from '../store/nodes.ts'
import type { Verdict } from './confirm.ts'

/** The observation of one node in one cycle. */
export interface Observation {
  node: PolledNode
  verdict: Verdict
  /** True if the sample needs no confirmation by a second one. */
  certain: boolean
  state: number | null
  responseMs: number | null
  error: string | null
  status: NodeStatus | null
  rawStatus: unknown
  /** The identity, if this cycle requested it. */
  identity: { value: NodeIdentity; raw: unknown } | null
  /** True if the next cycle must request the identity again. */
  identityStale: boolean
}

/** A node allows two requests per second over all its clients. */
const throttledPauseMs = 1100
const identityHours = 1

/**
 * Requests a node's status, and its identity only if that is older than an hour or the node may have restarted: usually
 * one request per cycle. Ends with the signal at the latest. @throws the reason of `run`
 */
export async function pollNode(
  client: NodeClient,
  node: PolledNode,
  input: { deadline: AbortSignal; run: AbortSignal; timeoutMs: number; now: number },
): Promise<Observation> {
  const startedAt = performance.now()
  const empty = { node, certain: false, state: null, status: null, rawStatus: null, identity: null }
  const ask = <T>(question: () => Promise<NodeAnswer<T>>) => withThrottleRetry(question, input)
  const answer = await ask(() => client.status(node, input.deadline))
  const responseMs = Math.round(performance.now() - startedAt)
  if (answer.kind === 'throttled') {
    const error = 'Throttled: the node answers nobody more often'
    return { ...empty, verdict: 't', responseMs, error, identityStale: identityDue(node, input.now) }
  }
  if (answer.kind === 'failed') {
    const identityStale = answer.unreachable || identityDue(node, input.now)
    return { ...empty, verdict: 'b', responseMs: null, error: answer.message, identityStale }
  }
  const { value: status, raw: rawStatus } = answer
  const found = identityDue(node, input.now)
    ? await ask(() => client.identity(node, input.deadline))
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

/** Repeats the request once after a 429. The deadline becomes an answer; a stop of the whole run is thrown. */
async function withThrottleRetry<T>(
  question: () => Promise<NodeAnswer<T>>,
  input: { deadline: AbortSignal; run: AbortSignal; timeoutMs: number },
): Promise<NodeAnswer<T>> {
  let throttled = false
  try {
    const first = await question()
    if (first.kind !== 'throttled') return first
    throttled = true
    await pause(throttledPauseMs, input.deadline)
    return await question()
  } catch (error) {
    input.run.throwIfAborted()
    if (!input.deadline.aborted) throw error
    if (throttled) return { kind: 'throttled' }
    const message = `Network error: no answer within ${input.timeoutMs / 1000} s`
    return { kind: 'failed', unreachable: true, message }
  }
}

function identityDue(node: PolledNode, now: number): boolean {
  if (node.identityAt === null) return true
  const age = now - node.identityAt.getTime()
  return age < 0 || age >= identityHours * 3_600_000
}
