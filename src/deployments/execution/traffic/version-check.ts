import { CloudError, CloudUnreachable } from '../../cloudflare/errors.ts'
import type { Address } from '../../targets/targets.ts'
import type { VersionProof } from '../../version-proof/proof.ts'
import {
  awaitHealth,
  type Health,
  type HealthWait,
  statusProblem,
  type Verdict,
} from '../health/await-health.ts'
import type { Probe } from '../health/probe.ts'
import type { StepContext } from '../steps/context.ts'

/** The header with which a request names the version that is to answer it. */
const overrideHeader = 'Cloudflare-Workers-Version-Overrides'

export interface VersionCheck {
  address: Address
  /** The version to request; it may have no traffic. */
  versionId: string
  timeoutMs: number
  isFinal?: HealthWait['isFinal']
}

/** @property isOverrideIgnored true if another version gave the last answer */
export type CheckedVersion = Health & { isOverrideIgnored: boolean }

/**
 * Requests one version of the app by the override header, with the proof that this version answered. The answer of
 * another version never counts: the override is ignored until it has spread. Without a proof, the answers must be good
 * for ten seconds, and the result says that it is not proven.
 */
export async function checkVersion(context: StepContext, check: VersionCheck): Promise<CheckedVersion> {
  const { plan, target, signal } = context
  const { script, healthCheck } = plan.config
  const proof = await openProof(context)
  let isOverrideIgnored = false
  const judge = async (answer: Probe, requestId: string): Promise<Verdict> => {
    const version =
      typeof answer.answer === 'number' ? await proof?.versionOf(requestId, answer, signal) : undefined
    isOverrideIgnored = version !== undefined && version !== check.versionId
    if (isOverrideIgnored) {
      return { problem: `version ${version} answered, as the override was not applied`, proven: false }
    }
    const isLocal = target.kind === 'local'
    const problem = statusProblem(answer, { expectStatus: healthCheck.expectStatus, isLocal })
    return { problem, proven: version !== undefined }
  }
  try {
    const health = await awaitHealth(context, {
      address: check.address,
      timeoutMs: check.timeoutMs,
      headersOf: (requestId) => ({
        [overrideHeader]: `${script}="${check.versionId}"`,
        ...proof?.headersOf(requestId),
      }),
      judge,
      ...(check.isFinal === undefined ? {} : { isFinal: check.isFinal }),
    })
    return { ...health, isOverrideIgnored }
  } finally {
    await proof?.close()
  }
}

/** The proof; undefined, with a warning, if the cloud offers none. */
async function openProof({ plan, target, signal, log }: StepContext): Promise<VersionProof | undefined> {
  try {
    return await target.proveVersions(plan.config.script, signal)
  } catch (error) {
    signal.throwIfAborted()
    const isKnown = error instanceof CloudError || error instanceof CloudUnreachable
    const reason = isKnown ? error.message : 'the live log could not be opened'
    log.warn(
      `It cannot be proved which version answers: ${reason}. The live log needs the permission Workers Tail Read`,
    )
    return undefined
  }
}
