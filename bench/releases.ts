import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { createS3Store } from '../src/binary-releases/object-store/s3.ts'
import { quantile, startStack } from './stack.ts'

/**
 * Requests a second of `/releases/latest` and `/download/...` by the processes that `npm start` starts, with sign-in
 * by a proxy's identity, limits, and a row for every link; against Express alone with a body of equal size, in turns.
 * Then the CPU that a presigned URL of a bucket takes. `node bench/releases.ts [seconds]`
 */
const seconds = Number(process.argv[2] ?? 6)
const connections = 24
const barePort = Number(process.env.BENCH_PORT ?? 8791) + 2
const version = '2025.11.24'
const platforms = ['darwin-arm64', 'darwin-x86_64', 'linux-x86_64', 'linux-aarch64', 'windows-x86_64']

interface Load {
  perSecond: number
  p50: number
  p99: number
  /** Of the server's processes, per request: what a busy machine does not blur. */
  cpuMicroseconds: number
}

interface Target {
  origin: string
  path: string
  headers: () => Record<string, string>
  /** With all that it has started. */
  pid: number
}

async function load({ origin, path, headers, pid }: Target): Promise<Load> {
  const pool = new Pool(origin, { connections })
  const times: number[] = []
  const endAt = performance.now() + seconds * 1000
  const startedAt = performance.now()
  const cpuBefore = cpuSeconds(pid)
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < endAt) {
        const at = performance.now()
        const answer = await pool.request({ path, method: 'GET', headers: headers() })
        await answer.body.dump()
        if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}`)
        times.push(performance.now() - at)
      }
    }),
  )
  const took = (performance.now() - startedAt) / 1000
  await pool.close()
  const cpuMicroseconds = (1e6 * (cpuSeconds(pid) - cpuBefore)) / times.length
  return {
    perSecond: times.length / took,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    cpuMicroseconds,
  }
}

/** Of a process and all its descendants, PostgreSQL too. */
function cpuSeconds(root: number): number {
  const all = readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      return [
        { pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) },
      ]
    } catch {
      return []
    }
  })
  const tree = new Set([root])
  for (let grew = true; grew; ) {
    const before = tree.size
    for (const each of all) if (tree.has(each.parent)) tree.add(each.pid)
    grew = tree.size > before
  }
  return all.filter(({ pid }) => tree.has(pid)).reduce((sum, { ticks }) => sum + ticks, 0) / 100
}

async function startBare(size: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('bare-express.ts', import.meta.url))
  const child = spawn(process.execPath, [script, String(barePort), String(size)], {
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout !== null) await once(createInterface({ input: child.stdout }), 'line')
  return child
}

/** As an older publisher leaves a release. */
function plant(dataDir: string): void {
  const objects = join(dataDir, 'release-store', 'objects')
  for (const folder of ['metadata', `releases/${version}`])
    mkdirSync(join(objects, folder), { recursive: true })
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const hashes = Object.fromEntries(platforms.map((each) => [each, hash(each)]))
  const metadata = { version, channel: 'stable', released_at: '2025-11-24T10:30:00Z', platforms: hashes }
  for (const name of [version, 'latest-stable'])
    writeFileSync(join(objects, `metadata/${name}.json`), JSON.stringify(metadata))
}

let caller = 0
const identity = () => ({ 'x-authentik-username': `bench-${++caller % 50}` })
const show = ({ perSecond, p50, p99, cpuMicroseconds }: Load) =>
  `${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${cpuMicroseconds.toFixed(0)} us of CPU`

const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
plant(dataDir)
const stack = await startStack(dataDir, {
  TRUSTED_PROXIES: '127.0.0.1',
  RATE_LIMIT_FORWARDED_PER_SECOND: '10000',
  RATE_LIMIT_FORWARDED_BURST: '100000',
})
try {
  for (const path of ['/releases/latest', `/download/${version}/linux-x86_64`]) {
    const once = await fetch(`${stack.base}${path}`, { headers: identity() })
    const size = (await once.text()).length
    const bare = await startBare(size)
    const own = { origin: stack.base, path, headers: identity, pid: stack.pid }
    const alone = {
      origin: `http://127.0.0.1:${barePort}`,
      path: '/',
      headers: () => ({}),
      pid: bare.pid ?? 0,
    }
    await load(own)
    await load(alone)
    const ours = await load(own)
    const theirs = await load(alone)
    bare.kill()
    const ratio = ((100 * ours.perSecond) / theirs.perSecond).toFixed(0)
    console.log(`${path} (${size} bytes, ${connections} connections): ${show(ours)}`)
    console.log(`  Express alone: ${show(theirs)}; ratio ${ratio} %`)
  }
  const counts = await fetch(`${stack.base}/releases/${version}/downloads`, { headers: identity() })
  console.log(`links on record: ${JSON.stringify(await counts.json())}`)
} finally {
  await stack.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

const store = createS3Store({
  endpoint: 'https://s3.example',
  bucket: 'bench',
  accessKeyId: 'a',
  secretAccessKey: 's',
})
await store.linkToRead('k', 'k')
const before = process.cpuUsage()
const links = 2000
for (let n = 0; n < links; n++) await store.linkToRead(`releases/${version}/file-${n}`, `file-${n}`)
const { user, system } = process.cpuUsage(before)
console.log(`a presigned URL of a bucket: ${((user + system) / 1000 / links).toFixed(3)} ms of CPU`)
