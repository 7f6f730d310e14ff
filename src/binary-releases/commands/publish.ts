import { randomUUID } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApiClient, ApiError } from '../../cli/api/client.ts'
import {
  type CommandDeps,
  createProgress,
  type ExitCode,
  exitCodes,
  type Output,
  plain,
  UsageFault,
} from '../../cli/index.ts'
import { followJob } from './follow.ts'
import { createSender } from './send-file.ts'
import { type DraftAnswer, draftAnswer, publishAnswer } from './wire.ts'

/** The options of `capstan release publish`. */
export interface PublishFlags {
  version: string
  channel: string
  notes?: string
  platform?: string[]
}

interface LocalFile {
  platform: string
  path: string
  name: string
  size: number
}

const patienceMs = 60_000

/** Publishes a version from a folder. After an interruption, a second call resumes the upload. */
export async function publishFolder(
  { deps, out }: { deps: CommandDeps; out: Output },
  dir: string,
  flags: PublishFlags,
): Promise<ExitCode> {
  const folder = await stat(dir).catch(() => undefined)
  if (!folder?.isDirectory()) throw new UsageFault(`There is no folder ${dir}`)
  const client = await deps.client()
  const progress = createProgress(deps.stderr, out.say)
  const draft = await openDraft(client, dir, flags)
  if ('files' in draft) {
    const sender = await createSender(client, flags.version)
    try {
      for (const file of draft.files) await sender.send(file, progress)
    } finally {
      await sender.close()
    }
  }
  const jobId = 'jobId' in draft ? draft.jobId : await publish(client, flags.version)
  const exitCode = await followJob(client, jobId, { out, progress })
  const { version, channel } = flags
  if (exitCode === exitCodes.done) out.say(`Published ${plain(version)}; ${plain(channel)} points to it`)
  else out.say('Not published: readers see no change. Fix the cause, then publish again.')
  out.document({ version, channel, published: exitCode === exitCodes.done, job_id: jobId })
  return exitCode
}

/** The remaining work: files to upload, or a publish job that an earlier call started. */
async function openDraft(
  client: ApiClient,
  dir: string,
  flags: PublishFlags,
): Promise<{ files: LocalFile[] } | { jobId: string }> {
  const { version, channel, platform: platforms } = flags
  const notes = flags.notes === undefined ? undefined : await readText(flags.notes)
  try {
    const json = { version, channel, platforms, notes }
    const draft = await client.call(draftAnswer, { method: 'POST', path: '/releases', json, patienceMs })
    return { files: await findLocalFiles(client, dir, draft) }
  } catch (error) {
    const { state, jobId } = detailsOf(error)
    if (state === 'publishing' && typeof jobId === 'string') return { jobId }
    if (state === 'sealed') return { jobId: await publish(client, version) }
    throw error
  }
}

/** @throws UsageFault if a platform's file is not in the folder; a draft without any upload is then discarded */
async function findLocalFiles(client: ApiClient, dir: string, draft: DraftAnswer): Promise<LocalFile[]> {
  const files: LocalFile[] = []
  const missing: string[] = []
  for (const { platform, filename } of draft.files) {
    const path = join(dir, filename)
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile() && found.size > 0) files.push({ platform, path, name: filename, size: found.size })
    else missing.push(filename)
  }
  if (missing.length === 0) return files
  if (draft.files.every(({ state }) => state === 'missing')) {
    const path = `/releases/${encodeURIComponent(draft.version)}/draft`
    await client.call(draftAnswer.partial(), { method: 'DELETE', path })
  }
  throw new UsageFault(
    `Missing or empty in ${dir}: ${missing.join(', ')}. Use --platform to publish only some platforms`,
  )
}

async function publish(client: ApiClient, version: string): Promise<string> {
  const path = `/releases/${encodeURIComponent(version)}/publish`
  const headers = { 'Idempotency-Key': randomUUID() }
  try {
    return (await client.call(publishAnswer, { method: 'POST', path, headers, patienceMs })).job_id
  } catch (error) {
    const { jobId } = detailsOf(error)
    if (typeof jobId === 'string') return jobId
    throw error
  }
}

const detailsOf = (error: unknown): Record<string, unknown> =>
  error instanceof ApiError ? error.envelope.error.details : {}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    throw new UsageFault(`cannot read ${path}`)
  }
}
