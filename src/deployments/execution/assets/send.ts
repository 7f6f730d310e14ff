import pRetry, { AbortError } from 'p-retry'
import { pause } from '../../../platform/deadline.ts'
import { unavailable } from '../../../platform/errors.ts'
import { toError } from '../../../platform/thrown.ts'
import { CloudError, CloudUnreachable } from '../../cloudflare/errors.ts'
import type { CloudAsset } from '../../cloudflare/workers/assets.ts'
import type { AssetFile } from '../../model/request/assets.ts'
import type { StepContext } from '../steps/context.ts'
import { manifestOf } from './manifest.ts'

export interface SentAssets {
  /** The completion token: the cloud has all files. Valid for an hour. */
  token: string
  sentFiles: number
  sentBytes: number
}

type SendContext = Pick<StepContext, 'plan' | 'target' | 'signal' | 'log' | 'assetFiles' | 'readBlob'>

/** A session without progress: the cloud asks again for what it has just received, or its token is not accepted. */
const maxSessions = 4
/** The uploads at the same time, as wrangler has. */
const lanes = 3
const attempts = 5
/** A longer wait for a rate limit is left to the job's next attempt. */
const maxWaitSeconds = 60

/**
 * Sends the static files that the cloud lacks. Opens a new session if the token of one has expired.
 * @throws CloudError, CloudUnreachable, or SYS_002 if the cloud keeps asking for the same files
 */
export async function sendAssets(context: SendContext): Promise<SentAssets> {
  const { plan, target, signal } = context
  const { manifest, byHash } = manifestOf(await context.assetFiles())
  const progress = createProgress(context.log)
  for (let opened = 1; opened <= maxSessions; opened++) {
    const session = await target.cloud.openAssetSession(plan.config.script, manifest, signal)
    if (session.buckets.length === 0) return { token: session.token, ...progress.sent }
    progress.begin(session.buckets.flat().length)
    const buckets = session.buckets.map((bucket) =>
      bucket.map((hash) => cloudAsset(context, { hash, byHash })),
    )
    const token = await sendBuckets(context, { token: session.token, buckets, onSent: progress.add })
    if (token !== undefined) return { token, ...progress.sent }
  }
  throw unavailable('The cloud keeps asking for static files that were sent')
}

function cloudAsset(
  { readBlob }: SendContext,
  { hash, byHash }: { hash: string; byHash: Map<string, AssetFile> },
): CloudAsset {
  const file = byHash.get(hash)
  if (file === undefined) throw unavailable('The cloud asks for a static file that the plan does not have')
  const { size, contentType, digest } = file
  return { hash, size, contentType, read: () => readBlob(digest) }
}

interface Buckets {
  token: string
  buckets: CloudAsset[][]
  onSent(files: CloudAsset[]): void
}

/** @returns the completion token; undefined if the token of the session is not valid any more, or files are missing */
async function sendBuckets(
  context: SendContext,
  { token, buckets, onSent }: Buckets,
): Promise<string | undefined> {
  const waiting = buckets.values()
  const fault = new AbortController()
  const signal = AbortSignal.any([context.signal, fault.signal])
  let completion: string | undefined
  const lane = async () => {
    for (const files of waiting) {
      signal.throwIfAborted()
      completion = (await sendOne(context, { token, files, signal })) ?? completion
      onSent(files)
    }
  }
  const work = Array.from({ length: lanes }, () =>
    lane().catch((error: unknown) => {
      fault.abort(error)
      throw error
    }),
  )
  // All lanes have ended before the result is used, so that no upload continues beside the next session.
  await Promise.allSettled(work)
  if (!fault.signal.aborted) return completion
  context.signal.throwIfAborted()
  if (isExpired(fault.signal.reason)) return undefined
  throw fault.signal.reason
}

/** Uploads one bucket, and repeats it after transient faults: a file that arrives twice is stored once. */
function sendOne(
  { target }: SendContext,
  { token, files, signal }: { token: string; files: CloudAsset[]; signal: AbortSignal },
): Promise<string | undefined> {
  const upload = async () => {
    try {
      return await target.cloud.uploadAssets(token, files, signal)
    } catch (error) {
      throw isTransient(error) ? error : new AbortError(toError(error))
    }
  }
  return pRetry(upload, {
    retries: attempts - 1,
    minTimeout: 500,
    maxTimeout: 10_000,
    randomize: true,
    signal,
    onFailedAttempt: async ({ error, retriesLeft }) => {
      if (retriesLeft > 0 && error instanceof CloudError && error.retryAfter !== undefined) {
        await pause(error.retryAfter * 1000, signal)
      }
    },
  })
}

function isTransient(error: unknown): boolean {
  if (error instanceof CloudUnreachable) return true
  if (!(error instanceof CloudError)) return false
  const { status, retryAfter = 1 } = error
  return status >= 500 || (status === 429 && retryAfter <= maxWaitSeconds)
}

/** The session's token is the only credential of an upload: its refusal says nothing about the API token. */
const isExpired = (error: unknown) =>
  error instanceof CloudError && (error.status === 401 || error.status === 403)

const progressMs = 2000

/** Counts the sent files and reports them in the log, at most every two seconds. */
function createProgress(log: StepContext['log']) {
  const sent = { sentFiles: 0, sentBytes: 0 }
  let wanted = 0
  let reportedAt = performance.now()
  return {
    sent,
    begin(missing: number) {
      wanted = sent.sentFiles + missing
      log.info(`The cloud lacks ${missing} of the static files`)
    },
    add(files: CloudAsset[]) {
      sent.sentFiles += files.length
      sent.sentBytes += files.reduce((sum, { size }) => sum + size, 0)
      if (performance.now() - reportedAt < progressMs) return
      reportedAt = performance.now()
      log.info(`Sent ${sent.sentFiles} of ${wanted} files, ${(sent.sentBytes / 1_000_000).toFixed(1)} MB`)
    },
  }
}
