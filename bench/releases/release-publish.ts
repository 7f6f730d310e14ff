import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startR2 } from '../../test/binary-releases/r2-server.ts'
import { type Stack, startStack } from '../stack.ts'

/**
 * Memory and time of publishing one large file by the command line, and of verifying it: by how much the resident
 * memory of each process rose above what it was at rest. `node bench/releases/release-publish.ts [MiB] [bucket]`: to the folder
 * of the embedded default, or to a local R2 by the S3 protocol.
 */
const mebibytes = Number(process.argv[2] ?? 1024)
const r2 = process.argv[3] === 'bucket' ? await startR2() : undefined
const version = '2025.11.24'
const platform = 'linux-x86_64'

const status = (pid: number, field: string) =>
  Number(
    new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0,
  ) / 1024

function pidOf(parent: number, part: string): number {
  const found = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const isChild = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent
      return isChild && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(part)
    } catch {
      return false
    }
  })
  return Number(found)
}

function makeFile(folder: string): string {
  mkdirSync(folder)
  const path = join(folder, `cco-v${version}-${platform}.tar.gz`)
  const file = openSync(path, 'w')
  const block = randomBytes(1024 * 1024)
  for (let n = 0; n < mebibytes; n++) {
    block.writeUInt32LE(n)
    writeSync(file, block)
  }
  return path
}

/** @returns seconds, and the peak of the command's memory above that of a command that does nothing much. */
async function command(args: string[], env: NodeJS.ProcessEnv) {
  const script = fileURLToPath(new URL('../../bin/capstan.js', import.meta.url))
  const startedAt = performance.now()
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  let peak = 0
  const timer = setInterval(() => {
    try {
      peak = Math.max(peak, status(child.pid ?? 0, 'VmHWM'))
    } catch {
      // It has just ended.
    }
  }, 20)
  const [code] = await once(child, 'exit')
  clearInterval(timer)
  if (code !== 0) throw new Error(`capstan ${args.join(' ')} ended with ${code}`)
  return { seconds: (performance.now() - startedAt) / 1000, peak }
}

const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
let stack: Stack | undefined
try {
  const folder = join(dataDir, 'dist')
  const path = makeFile(folder)
  stack = await startStack(dataDir, r2?.env)
  const { port } = new URL(stack.base)
  const env = { ...process.env, DATA_DIR: dataDir, PORT: port }
  const processes = { web: pidOf(stack.pid, 'src/api.'), worker: pidOf(stack.pid, 'workers/main.') }
  const base = await command(['release', 'list'], env)
  // Everything that is loaded once is loaded before the peaks are counted.
  writeFileSync(join(folder, `cco-v0.0.1-${platform}.tar.gz`), 'small')
  await command(['release', 'publish', folder, '--version', '0.0.1', '--platform', platform], env)
  const rest = new Map<string, number>()
  for (const [name, pid] of Object.entries(processes)) {
    rest.set(name, status(pid, 'VmRSS'))
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  }
  const published = await command(
    ['release', 'publish', folder, '--version', version, '--platform', platform],
    env,
  )
  const rises = Object.entries(processes).map(
    ([name, pid]) => `${name} +${(status(pid, 'VmHWM') - (rest.get(name) ?? 0)).toFixed(0)} MiB`,
  )
  const verified = await command(['release', 'verify', path], env)
  console.log(
    `${mebibytes} MiB published in ${published.seconds.toFixed(1)} s: ${rises.join(', ')}, command +${(published.peak - base.peak).toFixed(0)} MiB`,
  )
  console.log(
    `  verified in ${verified.seconds.toFixed(1)} s: command +${(verified.peak - base.peak).toFixed(0)} MiB`,
  )
} finally {
  await stack?.stop()
  await r2?.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
