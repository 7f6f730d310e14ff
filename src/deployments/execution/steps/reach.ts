import { isDeepStrictEqual } from 'node:util'
import { type Dispatcher, request } from 'undici'
import { pause } from '../../../platform/deadline.ts'
import { CodedError } from '../../../platform/errors.ts'
import { createOutgoing } from '../../../platform/network/outgoing.ts'
import { configureHostnames } from '../../hostnames/index.ts'
import { noEngine } from '../../plans/container-front.ts'
import { plannedPublication } from '../../plans/publication.ts'
import { addressOf } from '../../targets/public-address.ts'
import type { Address } from '../../targets/targets.ts'
import type { StepContext, StepResult } from './context.ts'
import { oustDuplicate } from './restore-own-version.ts'

/** Step 7: the public addresses are as the plan says, and its host names lead to the script. */
export async function configureDns(context: StepContext): Promise<StepResult> {
  const { deployment, plan, target, signal, log } = context
  const { script, hostnames = [] } = plan.config
  await publish(context)
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

/** What the plan does not mention of the addresses stays as it is. */
async function publish({ deployment, plan, target, signal, log }: StepContext): Promise<void> {
  const { cloud } = target
  const { script } = plan.config
  const { workersDev, previewUrls } = plannedPublication(plan, deployment.snapshot)
  if (workersDev === undefined && previewUrls === undefined) return
  const present = await cloud.scriptSubdomain(script, signal)
  const wanted = {
    enabled: workersDev ?? present.enabled,
    previewsEnabled: previewUrls ?? present.previewsEnabled,
  }
  if (isDeepStrictEqual(present, wanted)) {
    log.info('The workers.dev address and the preview URLs are as planned already')
    return
  }
  if (wanted.enabled && (await cloud.subdomain(signal)) === undefined) {
    throw new CodedError('DEPLOY_005', 'The account has no workers.dev subdomain', { retryable: false })
  }
  await cloud.setScriptSubdomain(script, wanted, signal)
  const state = (enabled: boolean) => (enabled ? 'enabled' : 'disabled')
  if (wanted.enabled !== present.enabled) log.info(`The workers.dev address is ${state(wanted.enabled)}`)
  if (wanted.previewsEnabled !== present.previewsEnabled)
    log.info(`The preview URLs are ${state(wanted.previewsEnabled)}`)
}

const tryMs = 10_000
const goodAnswers = 2

/**
 * Step 8: the app answers as expected, twice in a row, at an address at which it is published. It retries inside, since a first start may take its time;
 * what is left after the time limit is a verdict on the version.
 */
export async function healthCheck(context: StepContext): Promise<StepResult> {
  const { plan, target, deployment, signal, log } = context
  const { healthCheck: check } = plan.config
  const address = await addressOf(target, { config: plan.config, signal })
  if (address === undefined) {
    log.warn(`Not checked: ${plan.config.script} has no address at which it could be asked for ${check.path}`)
    await oustDuplicate(context)
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
      const limit = AbortSignal.timeout(Math.min(tryMs, left))
      const answer = await probe(address, { deploymentId: deployment.id, dispatcher, signal, limit })
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
        return { change: { address: address.base } }
      }
      if (!fine) {
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
  // Not again as a job: this step has used all the time that it was given.
  throw new CodedError('DEPLOY_006', message, { retryable: false })
}

const shownLines = 20

/** What the Worker wrote while it was checked: most often the exception that says why. */
async function showWorkerLog({ plan, target, signal, log }: StepContext, since: number): Promise<void> {
  const { script } = plan.config
  try {
    const lines = await target.logsOf(script, AbortSignal.any([signal, AbortSignal.timeout(3000)]))
    if (lines === undefined) return log.info(`What the Worker writes is shown by: wrangler tail ${script}`)
    const recent = lines.filter(({ time }) => Date.parse(time) >= since)
    if (recent.length === 0) log.info('The Worker wrote nothing during the health check')
    for (const { level, text } of recent.slice(-shownLines)) log.warn(`Worker (${level}): ${text}`)
  } catch (error) {
    signal.throwIfAborted()
    // The verdict on the version is what counts.
    log.info(`The log of the Worker could not be read: ${error instanceof Error ? error.message : 'unknown'}`)
  }
}

async function probe(
  { url, host }: Address,
  about: { deploymentId: string; dispatcher: Dispatcher; signal: AbortSignal; limit: AbortSignal },
): Promise<number | string> {
  try {
    // Not `fetch`, which takes the Host header from the URL. Redirects are not followed.
    const { statusCode, headers, body } = await request(url, {
      dispatcher: about.dispatcher,
      headers: {
        'User-Agent': 'capstan-health-check',
        'X-Capstan-Deployment': about.deploymentId,
        ...(host === undefined ? {} : { Host: host }),
      },
      signal: AbortSignal.any([about.signal, about.limit]),
    })
    body.on('error', () => undefined).destroy()
    const { header, value, status } = noEngine
    return statusCode === status && headers[header] === value ? 'no engine' : statusCode
  } catch (error) {
    about.signal.throwIfAborted()
    if (about.limit.aborted) return 'no answer in time'
    const { code } = error as { code?: string }
    return `no answer (${code ?? 'connection failed'})`
  }
}

/** @param expected a status, or a range of them like `200-399`. */
export function matches(status: number, expected: number | string): boolean {
  const [from = 0, to = from] = String(expected).split('-').map(Number)
  return status >= from && status <= to
}
