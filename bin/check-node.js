// Plain JavaScript for any Node from 14 on: nothing of ours that is TypeScript may be imported before this has run.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** `process.features.typescript` says how Node runs TypeScript: undefined before 22.10, false before 22.18. */
const canRunTypeScript = Boolean(process.features.typescript)

const required =
  'Capstan needs Node 22.18 or newer to run (this is ' +
  process.version +
  '): install one, or run npm install again'

/** The Node that is installed beside us as a dependency; npm puts it in one place or the other. */
function installedNode() {
  const candidates = ['../node_modules/node/bin/node', '../node_modules/.bin/node']
  return candidates
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path))
}

/** Asked only after a failure: the question takes as long as a start of Node. */
function works(path) {
  const probe = spawnSync(path, ['-p', 'Boolean(process.features.typescript)'], { encoding: 'utf8' })
  return probe.status === 0 && probe.stdout.trim() === 'true'
}

/** How a program that another Node has started knows who that was. */
const startedBy = 'CAPSTAN_STARTED_BY'

/** Runs the same command under another Node, and becomes as transparent as a parent can be. Never returns. */
function runUnder(path) {
  const child = spawn(path, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [startedBy]: String(process.pid) },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', () => fail())
  child.on('exit', (code, signal) => {
    if (signal === null && code !== 0 && !works(path)) fail()
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
  return new Promise(() => {})
}

function fail() {
  console.error(required)
  process.exit(1)
}

/** Ends this process when the one that runs it under another Node was killed: nobody else could end it any more. */
function endWithParent() {
  const parent = Number(process.env[startedBy])
  delete process.env[startedBy]
  const look = () => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }
  const timer = setInterval(look, 500)
  timer.unref()
}

/** Resolves only under a Node that can run us. */
export async function checkNode() {
  if (canRunTypeScript) {
    if (process.env[startedBy] !== undefined) endWithParent()
    return
  }
  const other = installedNode()
  if (other === undefined) fail()
  await runUnder(other)
}
