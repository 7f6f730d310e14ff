import { createHash } from 'node:crypto'
import type { Reaper } from '../reaper.ts'
import { type Candidate, checkStartup, type StartupReport } from './check.ts'

/** The maximum number of cached reports. A report takes about 500 bytes. */
const capacity = 500

/** Reports of successful checks by the digest of all their inputs, least recently used first. */
const reports = new Map<string, StartupReport>()

/**
 * Checks that a candidate loads. A start of workerd takes most of a second, so the reports of equal candidates are
 * cached: only the code, the compatibility settings and the bindings affect loading. Failures are not cached, because a
 * busy machine can cause them.
 * @throws ApiError 10021 with the Worker's error if it does not load
 */
export async function startupReport(candidate: Candidate, reaper: Reaper): Promise<StartupReport> {
  const key = digestOf(candidate)
  const cached = reports.get(key)
  const report = cached ?? (await checkStartup(candidate, reaper))
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
