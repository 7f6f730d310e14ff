import { type Dispatcher, request } from 'undici'
import { pause } from '../../../platform/deadline.ts'
import { createOutgoing } from '../../../platform/network/outgoing.ts'
import { errorCode } from '../../../platform/thrown.ts'
import { unhealthy } from '../../model/errors.ts'
import { noEngine } from '../../plans/container-front.ts'
import { addressOf } from '../../targets/public-address.ts'
import type { Address } from '../../targets/targets.ts'
import { restoreOwnVersion } from '../worker-version/restore-own-version.ts'
import type { StepContext, StepResult } from './context.ts'

const requestTimeoutMs = 10_000
const requiredSuccesses = 2

/**
 * Step 8: requests the app at a published address until it answers as expected twice in a row. It retries within the
 * step, since a first start may take long; if the app is not healthy at the time limit, the version has failed.
 */
export async function healthCheck(context: StepContext): Promise<StepResult> {
  const { plan, target, deployment, signal, log } = context
  const { healthCheck: check } = plan.config
  const address = await addressOf(target, { config: plan.config, signal })
  if (address === undefined) {
    log.warn(`Skipped the health check: ${plan.config.script} has no public address for ${check.path}`)
    await restoreOwnVersion(context)
    return { skipped: true, change: { address: '' } }
  }
  const url = `${address.base}${check.path}`
  const startedAt = Date.now()
  const endAt = performance.now() + check.timeoutSeconds * 1000
  const dispatcher = createOutgoing()
  const isLocal = target.kind === 'local'
  let problem = 'no answer'
  try {
    for (let good = 0, tries = 1; ; tries++) {
      const left = Math.round(endAt - performance.now())
      if (left <= 0) break
      const limit = AbortSignal.timeout(Math.min(requestTimeoutMs, left))
      const answer = await probe(address, { deploymentId: deployment.id, dispatcher, signal, limit })
      const fine =
        answer === 'no engine' ? isLocal : typeof answer === 'number' && matches(answer, check.expectStatus)
      good = fine ? good + 1 : 0
      if (good === requiredSuccesses && (await restoreOwnVersion(context))) {
        good = 0
        continue
      }
      if (good === requiredSuccesses) {
        if (answer === 'no engine')
          log.warn(
            `${url}: the Worker in front of the container answered; the local cloud runs no containers`,
          )
        else log.info(`${url} answered ${answer}`)
        return { change: { address: address.base } }
      }
      // The end of the check cut this request short: the answer before it is the reason.
      const isCutShort = answer === noAnswerInTime && left < requestTimeoutMs && tries > 1
      if (!fine && !isCutShort) {
        const now = typeof answer === 'number' ? `answered ${answer}` : answer
        if (now !== problem || tries === 1) log.warn(`${url}: ${now}`)
        problem = now
      }
      await pause(
        fine ? 50 : Math.min(200 * 2 ** Math.min(tries, 5), 5000, Math.max(1, endAt - performance.now())),
        signal,
      )
    }
  } finally {
    await dispatcher.destroy()
  }
  await showWorkerLog(context, startedAt)
  const message = `${check.path} did not become healthy within ${check.timeoutSeconds} s: ${problem}`
  // The job is not retried: the step has used its whole time limit.
  throw unhealthy(message, { retryable: false })
}

const noAnswerInTime = 'no answer in time'
const shownLines = 20

/** Logs what the Worker wrote during the check: usually the exception that is the cause. */
async function showWorkerLog({ plan, target, signal, log }: StepContext, since: number): Promise<void> {
  const { script } = plan.config
  try {
    const lines = await target.logsOf(script, AbortSignal.any([signal, AbortSignal.timeout(3000)]))
    if (lines === undefined) return log.info(`To read the Worker's log, run: npx wrangler tail ${script}`)
    const recent = lines.filter(({ time }) => Date.parse(time) >= since)
    if (recent.length === 0) log.info('The Worker wrote nothing during the health check')
    for (const { level, text } of recent.slice(-shownLines)) log.warn(`Worker (${level}): ${text}`)
  } catch (error) {
    signal.throwIfAborted()
    // The health check has failed anyway; its error must not be replaced by this one.
    log.info(`Could not read the log of the Worker: ${error instanceof Error ? error.message : 'unknown'}`)
  }
}

async function probe(
  { url, host }: Address,
  options: { deploymentId: string; dispatcher: Dispatcher; signal: AbortSignal; limit: AbortSignal },
): Promise<number | string> {
  try {
    // `fetch` would take the Host header from the URL. Redirects are not followed.
    const { statusCode, headers, body } = await request(url, {
      dispatcher: options.dispatcher,
      headers: {
        'User-Agent': 'capstan-health-check',
        'X-Capstan-Deployment': options.deploymentId,
        ...(host === undefined ? {} : { Host: host }),
      },
      signal: AbortSignal.any([options.signal, options.limit]),
    })
    body.on('error', () => undefined).destroy()
    const { header, value, status } = noEngine
    return statusCode === status && headers[header] === value ? 'no engine' : statusCode
  } catch (error) {
    options.signal.throwIfAborted()
    if (options.limit.aborted) return noAnswerInTime
    const code = errorCode(error)
    return `no answer (${code ?? 'connection failed'})`
  }
}

/** @param expected a status, or a range of them like `200-399`. */
export function matches(status: number, expected: number | string): boolean {
  const [from = 0, to = from] = String(expected).split('-').map(Number)
  return status >= from && status <= to
}
