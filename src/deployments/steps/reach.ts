import { type Dispatcher, fetch } from 'undici'
import { pause } from '../../platform/deadline.ts'
import { CodedError } from '../../platform/errors.ts'
import { createOutgoing } from '../../platform/outgoing.ts'
import { noEngine } from '../front/front.ts'
import { configureHostnames } from '../hostnames/index.ts'
import type { StepContext, StepResult } from './context.ts'
import { oustDuplicate } from './oust-duplicate.ts'

/** Step 7: the script answers at its workers.dev address, and the host names lead to it. */
export async function configureDns({
  deployment,
  plan,
  target,
  signal,
  log,
}: StepContext): Promise<StepResult> {
  const { cloud } = target
  const { script } = plan.config
  const subdomain = await cloud.subdomain(signal)
  if (subdomain === undefined) {
    throw new CodedError('DEPLOY_005', 'The account has no workers.dev subdomain', { retryable: false })
  }
  const { enabled } = await cloud.scriptSubdomain(script, signal)
  if (!enabled) await cloud.setScriptSubdomain(script, true, signal)
  log.info(`${target.urlOf(script, subdomain)} ${enabled ? 'is published already' : 'is published'}`)
  const { hostnames = [] } = plan.config
  await configureHostnames({
    zones: target.zones,
    signal,
    hostnames,
    script,
    deploymentId: deployment.id,
    log,
  })
  return {}
}

const tryMs = 10_000
const goodAnswers = 2

/**
 * Step 8: the app answers as expected, twice in a row. It retries inside, since a first start may take its time;
 * what is left after the time limit is a verdict on the version.
 */
export async function healthCheck(context: StepContext): Promise<StepResult> {
  const { plan, target, deployment, signal, log } = context
  const { script, healthCheck: check } = plan.config
  const base = target.urlOf(script, await target.cloud.subdomain(signal))
  const url = `${base}${check.path}`
  const endAt = Date.now() + check.timeoutSeconds * 1000
  const dispatcher = createOutgoing()
  const isLocal = target.kind === 'local'
  let problem = 'no answer'
  try {
    for (let good = 0, tries = 1; ; tries++) {
      const left = endAt - Date.now()
      if (left <= 0) break
      const limit = AbortSignal.timeout(Math.min(tryMs, left))
      const answer = await probe(url, { deploymentId: deployment.id, dispatcher, signal, limit })
      const fine =
        answer === 'no engine' ? isLocal : typeof answer === 'number' && matches(answer, check.expectStatus)
      good = fine ? good + 1 : 0
      if (good === goodAnswers && (await oustDuplicate(context))) {
        good = 0
        continue
      }
      if (good === goodAnswers) {
        if (answer === 'no engine')
          log.warn(`${url}: the front answers; no container runs on the local cloud`)
        else log.info(`${url} answered ${answer}`)
        return {}
      }
      if (!fine) {
        const now = typeof answer === 'number' ? `answered ${answer}` : answer
        if (now !== problem || tries === 1) log.warn(`${url}: ${now}`)
        problem = now
      }
      await pause(
        fine ? 50 : Math.min(200 * 2 ** Math.min(tries, 5), 5000, Math.max(1, endAt - Date.now())),
        signal,
      )
    }
  } finally {
    await dispatcher.destroy()
  }
  const message = `${check.path} did not become healthy within ${check.timeoutSeconds} s: ${problem}`
  // Not again as a job: this step has used all the time that it was given.
  throw new CodedError('DEPLOY_006', message, { retryable: false })
}

async function probe(
  url: string,
  about: { deploymentId: string; dispatcher: Dispatcher; signal: AbortSignal; limit: AbortSignal },
): Promise<number | string> {
  try {
    const response = await fetch(url, {
      dispatcher: about.dispatcher,
      redirect: 'manual',
      headers: { 'User-Agent': 'capstan-health-check', 'X-Capstan-Deployment': about.deploymentId },
      signal: AbortSignal.any([about.signal, about.limit]),
    })
    await response.body?.cancel()
    const { header, value, status } = noEngine
    if (response.status === status && response.headers.get(header) === value) return 'no engine'
    return response.status
  } catch (error) {
    about.signal.throwIfAborted()
    if (about.limit.aborted) return 'no answer in time'
    const { cause } = error as { cause?: { code?: string } }
    return `no answer (${cause?.code ?? 'connection failed'})`
  }
}

/** @param expected a status, or a range of them like `200-399`. */
export function matches(status: number, expected: number | string): boolean {
  const [from = 0, to = from] = String(expected).split('-').map(Number)
  return status >= from && status <= to
}
