import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * The start of commands against that of bare Node (`node -e 0`): medians of time and processor time, and the difference
 * to bare Node. The runs are interleaved, so that other load meets all alike. `npx node bench/cli-start.ts [runs] [node]`;
 * `node` is the one that starts the command, default: the one that runs this file.
 */
const runs = Number(process.argv[2] ?? 20)
const node = process.argv[3] ?? process.execPath
const capstan = fileURLToPath(new URL('../bin/capstan.js', import.meta.url))

const commands = ['--version', '--help', 'deploy --help', 'deploy list', 'release list', 'jobs list', 'cloud']
const cases = new Map<string, string[]>([
  ['node -e 0', ['-e', '0']],
  ...commands.map((line): [string, string[]] => [`capstan ${line}`, [capstan, ...line.split(' ')]]),
])

// Answers every request at once: only the command's own time counts.
const empty = { success: true, data: { deployments: [], releases: [] }, jobs: [], next_cursor: null }
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(empty))
}).listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const address = server.address()
const port = typeof address === 'object' ? address?.port : undefined
const env = { ...process.env, CAPSTAN_URL: `http://127.0.0.1:${port}`, CAPSTAN_TOKEN: 'x' }
const cwd = join(fileURLToPath(import.meta.url), '..')

/** @returns milliseconds */
async function measure(args: string[]): Promise<{ wall: number; cpu: number }> {
  const before = performance.now()
  // The shell reports the processor time of its children in the second line.
  const script = '"$@" >/dev/null 2>&1; times'
  const { stdout } = await promisify(execFile)('sh', ['-c', script, 'sh', node, ...args], { env, cwd })
  const wall = performance.now() - before
  const parts = [...(stdout.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  return {
    wall,
    cpu: 1000 * parts.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0),
  }
}

const measured = new Map(
  [...cases.keys()].map((name) => [name, { wall: [] as number[], cpu: [] as number[] }]),
)
// The first run fills the caches and does not count.
for (let run = 0; run <= runs; run++) {
  for (const [name, args] of cases) {
    const { wall, cpu } = await measure(args)
    if (run === 0) continue
    measured.get(name)?.wall.push(wall)
    measured.get(name)?.cpu.push(cpu)
  }
}
server.close()

const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const bare = measured.get('node -e 0')
console.log(`${runs} interleaved runs under ${node}, milliseconds (above bare Node)`)
for (const [name, { wall, cpu }] of measured) {
  const above = (own: number[], of: number[] = []) =>
    `${median(own).toFixed(0)} (+${(median(own) - median(of)).toFixed(0)})`
  console.log(`${name.padEnd(24)} time ${above(wall, bare?.wall)}  processor ${above(cpu, bare?.cpu)}`)
}
