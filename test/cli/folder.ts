import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { lockDataDir } from '../../src/platform/installation/data-dir-lock.ts'
import { announceRunning, type RunningService } from '../../src/platform/installation/index.ts'

/** Creates a folder with these files, which is removed after the test. */
export function folderWith(files: Record<string, string>): string {
  const parent = mkdtempSync(join(tmpdir(), 'capstan-cli-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  const folder = join(parent, 'my-app')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** Makes a folder look like the data of a running service: this process holds its lock. */
export function pretendRunning(dataDir: string, running: Omit<RunningService, 'pid' | 'embedded'>): void {
  const lock = lockDataDir(dataDir)
  const about = { env: { XDG_STATE_HOME: dataDir }, dataDir, log: { warn: () => undefined } }
  announceRunning(about, { pid: process.pid, embedded: true, ...running })
  onTestFinished(() => lock.release())
}
