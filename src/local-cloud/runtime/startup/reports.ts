import { createHash } from 'node:crypto'
import type { Reaper } from '../reaper.ts'
import { type Candidate, checkStartup, type StartupReport } from './check.ts'

/** How many reports are kept. One takes some 500 bytes. */
const capacity = 500

/** Reports of Workers that have loaded, by the digest of everything that can change how they load; the last used last. */
const reports = new Map<string, StartupReport>()

/**
 * Checks that a candidate loads. A start of workerd takes most of a second, so equal candidates are started once: loading
 * has no input beside the code, the compatibility settings and the bindings. Failures are not kept, since a busy machine
 * can cause one.
 * @throws ApiError 10021 with the Worker's own error when it does not load.
 */
export async function startupReport(candidate: Candidate, reaper: Reaper): Promise<StartupReport> {
  const key = digestOf(candidate)
  const known = reports.get(key)
  const report = known ?? (await checkStartup(candidate, reaper))
  reports.delete(key)
  reports.set(key, report)
  const [oldest] = reports.keys()
  if (reports.size > capacity && oldest !== undefined) reports.delete(oldest)
  return report
}

function digestOf(candidate: Candidate): string {
  const { mainModule, modules, compatibilityDate, compatibilityFlags, bindings } = candidate
  const hash = createHash('sha256')
  const settings = { mainModule, compatibilityDate, compatibilityFlags, bindings }
  hash.update(
    JSON.stringify([settings, modules.map(({ name, type, content }) => [name, type, content.length])]),
  )
  for (const { content } of modules) hash.update(content)
  return hash.digest('base64')
}
