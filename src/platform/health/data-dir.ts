import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../thrown.ts'
import type { Cause } from './causes.ts'

const probeBytes = 4096

const problems: Record<string, [reason: string, message: string]> = {
  ENOSPC: ['disk_full', 'DATA_DIR has no disk space left'],
  EDQUOT: ['disk_full', 'DATA_DIR is over its disk quota'],
  EROFS: ['read_only', 'DATA_DIR is read-only'],
  EACCES: ['not_writable', 'DATA_DIR may not be written to by this process'],
}

/** Writes and removes a file: the amount of free space does not reveal quotas, reserves and read-only mounts. */
export async function dataDirCauses(dataDir: string): Promise<Cause[]> {
  const file = join(dataDir, `.health-${process.pid}`)
  try {
    await writeFile(file, Buffer.alloc(probeBytes, 1), { mode: 0o600 })
    return []
  } catch (error) {
    const code = errorCode(error) ?? ''
    // A missing DATA_DIR is no fault: it is created with its first file.
    if (code === 'ENOENT') return []
    const [reason, message] = problems[code] ?? ['failing', `DATA_DIR can't be written to: ${code}`]
    return [{ part: 'data_dir', reason, message }]
  } finally {
    await rm(file, { force: true }).catch(() => undefined)
  }
}
