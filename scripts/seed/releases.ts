import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from 'tar'
import { z } from 'zod'
import { ApiError } from '../../src/cli/api/client.ts'
import type { SampleService } from './service.ts'

const samples = [
  { version: '2026.01.15', channel: 'stable', notes: 'First sample release.' },
  { version: '2026.02.10', channel: 'stable', notes: 'Second sample release.' },
  { version: '2026.03.05', channel: 'beta', notes: 'Sample release of the beta channel.' },
]
const platforms = ['linux-x86_64', 'darwin-arm64']
const release = z.looseObject({ version: z.string() })
const releaseList = z.looseObject({ releases: z.array(release) })

/**
 * Publishes the sample versions that are not published yet. A publication that was interrupted is continued. Nothing is
 * published beside other releases: a sample would become the latest version of their channel.
 * @returns what was published, for the report
 * @throws Error if a publication fails; its reason is in the output
 */
export async function seedReleases(service: SampleService): Promise<string> {
  const { releases } = await service.api.call(releaseList, { path: '/releases' })
  if (releases.some(({ version }) => samples.every((sample) => sample.version !== version)))
    return 'no binary releases published: the installation has releases already'
  let published = 0
  for (const sample of samples) {
    if (await isPublished(service, sample.version)) continue
    await publish(service, sample)
    published++
  }
  return `${published} binary releases published`
}

async function isPublished({ api }: SampleService, version: string): Promise<boolean> {
  try {
    await api.call(release, { path: `/releases/${version}` })
    return true
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false
    throw error
  }
}

async function publish(service: SampleService, { version, channel, notes }: (typeof samples)[number]) {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-seed-'))
  try {
    const dist = join(folder, 'dist')
    await build(folder, dist, version)
    const notesFile = join(folder, 'notes.md')
    writeFileSync(notesFile, `${notes}\n`)
    const only = platforms.flatMap((platform) => ['--platform', platform])
    const flags = ['--version', version, '--channel', channel, '--notes', notesFile, ...only]
    const code = await service.capstan('release', 'publish', dist, ...flags)
    if (code !== 0) throw new Error(`capstan release publish ${version} exited with ${code}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The archives are reproducible: a publication can only be continued with the same bytes. */
async function build(folder: string, dist: string, version: string): Promise<void> {
  mkdirSync(dist)
  writeFileSync(join(folder, 'cco'), `#!/bin/sh\necho cco ${version}\n`, { mode: 0o755 })
  for (const platform of platforms) {
    const file = join(dist, `cco-v${version}-${platform}.tar.gz`)
    await create({ gzip: true, portable: true, noMtime: true, file, cwd: folder }, ['cco'])
  }
}
