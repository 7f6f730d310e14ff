import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const cache = join(process.env.TEST_CACHE_DIR ?? tmpdir(), 'capstan-test-projects')

/**
 * Installs the packages that a project names itself. They are kept for later runs: each project brings its own workerd.
 * @returns the folder node_modules
 */
export async function installedModules(project: string): Promise<string> {
  const packageFile = join(project, 'package.json')
  const digest = createHash('sha256').update(readFileSync(packageFile)).digest('hex').slice(0, 16)
  const folder = join(cache, digest)
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true })
    const temporary = mkdtempSync(join(cache, 'new-'))
    copyFileSync(packageFile, join(temporary, 'package.json'))
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await promisify(execFile)('npm', args, { cwd: temporary, timeout: 300_000 })
    try {
      renameSync(temporary, folder)
    } catch (error) {
      // Another run was faster.
      if (!existsSync(folder)) throw error
      rmSync(temporary, { recursive: true, force: true })
    }
  }
  return join(folder, 'node_modules')
}
