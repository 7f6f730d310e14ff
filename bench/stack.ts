import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const password = 'bench-correct-horse-battery'
const first = Number(process.env.BENCH_PORT ?? 8791)
const ports = { web: first, cloud: first + 1 }

export interface Stack {
  /** Milliseconds from the start of the command to its `ready` line. */
  readyMs: number
  base: string
  token: string
  cloudPort: number
  pid: number
  stop(): Promise<void>
}

/** The processes that `npm start` starts, over `dataDir`, with sign-in, limits and events on. */
export async function startStack(dataDir: string, env: Record<string, string> = {}): Promise<Stack> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [fileURLToPath(new URL('../bin/start.js', import.meta.url))], {
    env: {
      ...process.env,
      DATA_DIR: dataDir,
      PORT: String(ports.web),
      LOCAL_CLOUD_PORT: String(ports.cloud),
      ADMIN_PASSWORD: password,
      // The limiter counts every call; only the limit is out of the way.
      ADMIN_RATE_LIMIT_PER_SECOND: '10000',
      ADMIN_RATE_LIMIT_BURST: '100000',
      LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await readyLine(child)
  const readyMs = performance.now() - startedAt
  const base = `http://127.0.0.1:${ports.web}`
  const answer = await fetch(`${base}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  })
  const { access_token: token } = (await answer.json()) as { access_token: string }
  return {
    readyMs,
    base,
    token,
    cloudPort: ports.cloud,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function readyLine(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('no output')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('ready ')) {
      child.stdout.resume()
      return
    }
  }
  throw new Error('the service ended before it was ready')
}

/** Proportional set size of a process and all its descendants, in MB, with each one's share. */
export function memoryOf(root: number): { total: number; parts: string[] } {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        return [{ pid: Number(name), parent, command }]
      } catch {
        return []
      }
    })
  const tree = new Set([root])
  for (let grew = true; grew; ) {
    const before = tree.size
    for (const each of processes) if (tree.has(each.parent)) tree.add(each.pid)
    grew = tree.size > before
  }
  let total = 0
  const shares = new Map<string, number>()
  for (const each of processes.filter((one) => tree.has(one.pid))) {
    const kilobytes = pssOf(each.pid)
    const name =
      each.command.match(/(start|api|main|migrate)\.(?:ts|js)|postgres|workerd|sh /)?.[0] ?? each.command
    const label = each.command.includes('local-cloud')
      ? 'cloud'
      : each.command.includes('workers/')
        ? 'worker'
        : name
    shares.set(label, (shares.get(label) ?? 0) + kilobytes / 1024)
    total += kilobytes / 1024
  }
  return { total, parts: [...shares].map(([name, mb]) => `${name.trim()} ${mb.toFixed(0)}`) }
}

/** In KB; none of a process that has ended meanwhile. */
function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0
}
