import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createS3Store } from '../../src/binary-releases/object-store/s3/store.ts'
import { arrive, ask, connections } from '../load.ts'
import { quantile, startStack } from '../stack.ts'

/**
 * Requests a second of `/releases/latest` and `/download/...` by the processes that `npm start` starts, with sign-in
 * by a proxy's identity, limits, and a row for every link; against Express alone with a body of equal size. Rounds are
 * taken in turns and the best of each counts, since whatever else the machine does can only make one worse. Then the
 * time of answers while requests come at a steady rate, and the CPU that a presigned URL of a bucket takes.
 * `node bench/releases/releases.ts [requests a round] [rounds]`
 */
const requests = Number(process.argv[2] ?? 3000)
const rounds = Number(process.argv[3] ?? 7)
const steady = { perSecond: 1100, seconds: 5 }
const barePort = Number(process.env.BENCH_PORT ?? 8791) + 2
const version = '2025.11.24'
const platforms = ['darwin-arm64', 'darwin-x86_64', 'linux-x86_64', 'linux-aarch64', 'windows-x86_64']

interface Load {
  perSecond: number
  /** Of the server's processes, per request: what a busy machine blurs less. */
  cpuMicros: number
}

interface Target {
  port: number
  head: () => string
  /** With all that it has started. */
  pid: number
}

async function load({ port, head, pid }: Target): Promise<Load> {
  let left = requests
  const cpuBefore = cpuSeconds(pid)
  const startedAt = performance.now()
  const next = () => (left-- > 0 ? head() : undefined)
  await Promise.all(Array.from({ length: connections }, () => ask(port, next)))
  const seconds = (performance.now() - startedAt) / 1000
  return { perSecond: requests / seconds, cpuMicros: (1e6 * (cpuSeconds(pid) - cpuBefore)) / requests }
}

async function inTurns(ours: Target, theirs: Target): Promise<[Load, Load]> {
  const sides = [ours, theirs].map((target) => ({ target, all: [] as Load[] }))
  for (let round = 0; round <= rounds; round += 1) {
    for (const { target, all } of sides) {
      const found = await load(target)
      // The first round warms up.
      if (round > 0) all.push(found)
    }
  }
  const best = sides.map(({ all }) => ({
    perSecond: Math.max(...all.map((each) => each.perSecond)),
    cpuMicros: Math.min(...all.map((each) => each.cpuMicros)),
  }))
  return best as [Load, Load]
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
  const script = fileURLToPath(new URL('../http/bare-express.ts', import.meta.url))
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
const asking = (path: string) => () =>
  `GET ${path} HTTP/1.1\r\nHost: bench\r\nx-authentik-username: bench-${++caller % 50}\r\n\r\n`
const percent = (a: number, b: number) => `${((100 * a) / b).toFixed(0)} %`

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
    const own = { port: Number(new URL(stack.base).port), head: asking(path), pid: stack.pid }
    const [ours, theirs] = await inTurns(own, { port: barePort, head: asking('/'), pid: bare.pid ?? 0 })
    bare.kill()
    console.log(
      `${path} (${size} bytes, ${connections} connections): ${ours.perSecond.toFixed(0)} of ${theirs.perSecond.toFixed(0)}/s: ` +
        `${percent(ours.perSecond, theirs.perSecond)}; ${ours.cpuMicros.toFixed(0)} against ${theirs.cpuMicros.toFixed(0)} us CPU: ` +
        percent(theirs.cpuMicros, ours.cpuMicros),
    )
    const times = await arrive(own.port, { ...steady, head: own.head })
    console.log(
      `  at a steady ${steady.perSecond}/s: p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms`,
    )
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
