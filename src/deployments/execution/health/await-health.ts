import { randomUUID } from 'node:crypto'
import { pause } from '../../../platform/deadline.ts'
import { createOutgoing } from '../../../platform/network/outgoing.ts'
import type { Address } from '../../targets/targets.ts'
import type { StepContext } from '../steps/context.ts'
import { matches, noAnswerInTime, noEngineAnswer, type Probe, probe } from './probe.ts'

const requestTimeoutMs = 10_000
const requiredSuccesses = 2
/** The time over which answers must be good if it is not known which version gives them. */
const unprovenMs = 10_000
const unprovenPauseMs = 500

/** The judgement of one answer. */
export interface Verdict {
  /** The reason why the answer is not as expected; undefined if it is. */
  problem: string | undefined
  /** True if it is certain that the version in question answered. */
  proven: boolean
}

export interface HealthWait {
  address: Address
  timeoutMs: number
  /** The headers of a request. */
  headersOf?(requestId: string): Record<string, string>
  judge(answer: Probe, requestId: string): Promise<Verdict>
  /** Called when the app is healthy. If it returns false, the answers so far do not count. */
  confirm?(): Promise<boolean>
  /** True if an answer ends the wait as a failure at once. */
  isFinal?(verdict: Verdict): boolean
}

export type Health =
  | { healthy: true; answer: Probe['answer']; proven: boolean }
  | { healthy: false; problem: string }

/**
 * Requests an app until it answers as expected twice in a row, or the time is over. Failures are repeated, since a first
 * start may take long. Answers of an unknown version must be good for ten seconds.
 */
export async function awaitHealth(context: StepContext, wait: HealthWait): Promise<Health> {
  const { deployment, plan, signal, log } = context
  const { healthCheck: check } = plan.config
  const { address } = wait
  const url = `${address.base}${check.path}`
  const endAt = performance.now() + wait.timeoutMs
  // Cloudflare answers on the internet only: a host name that leads into this network is not the app.
  const dispatcher = createOutgoing({ publicOnly: context.target.kind === 'cloudflare' })
  let problem = 'no answer'
  let goodSince = 0
  try {
    for (let good = 0, proven = 0, tries = 1; ; tries++) {
      const left = Math.round(endAt - performance.now())
      if (left <= 0) return { healthy: false, problem }
      const limit = AbortSignal.timeout(Math.min(requestTimeoutMs, left))
      const requestId = randomUUID()
      const headers = wait.headersOf?.(requestId) ?? {}
      const options = { check, deploymentId: deployment.id, headers, dispatcher, signal, limit }
      const answer = await probe(address, options)
      const verdict = await wait.judge(answer, requestId)
      const fine = verdict.problem === undefined
      if (fine && good === 0) goodSince = performance.now()
      good = fine ? good + 1 : 0
      proven = fine && verdict.proven ? proven + 1 : 0
      const isProven = proven >= requiredSuccesses
      if (isProven || (good >= requiredSuccesses && performance.now() - goodSince >= unprovenMs)) {
        if ((await wait.confirm?.()) ?? true)
          return { healthy: true, answer: answer.answer, proven: isProven }
        good = 0
        proven = 0
        continue
      }
      // The end of the check cut this request short: the answer before it is the reason.
      const isCutShort = answer.answer === noAnswerInTime && left < requestTimeoutMs && tries > 1
      if (verdict.problem !== undefined && !isCutShort) {
        if (verdict.problem !== problem || tries === 1) log.warn(`${url}: ${verdict.problem}`)
        problem = verdict.problem
        if (wait.isFinal?.(verdict)) return { healthy: false, problem }
      }
      const pauseMs = fine
        ? verdict.proven
          ? 50
          : unprovenPauseMs
        : Math.min(200 * 2 ** Math.min(tries, 5), 5000, Math.max(1, endAt - performance.now()))
      await pause(pauseMs, signal)
    }
  } finally {
    await dispatcher.destroy()
  }
}

/** Judges the status alone. @param isLocal accepts the Worker in front of a container, which the local cloud does not run */
export function statusProblem(
  { answer }: Probe,
  { expectStatus, isLocal }: { expectStatus: number | string; isLocal: boolean },
): string | undefined {
  if (typeof answer === 'number') return matches(answer, expectStatus) ? undefined : `answered ${answer}`
  return answer === noEngineAnswer && isLocal ? undefined : answer
}
