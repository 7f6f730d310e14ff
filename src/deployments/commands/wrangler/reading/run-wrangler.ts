import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { UsageFault } from '../../../../cli/index.ts'
import { maskValues } from '../../../../platform/logging/mask-values.ts'
import { errorCode } from '../../../../platform/thrown.ts'
import { isProxy, proxyPasswords, withoutLogin } from './build-proxies.ts'
import { type ChosenWrangler, canSkipContainers, hasAutoconfig } from './choose-wrangler.ts'
import type { WranglerProject } from './find-project.ts'

export interface DryRun {
  project: WranglerProject
  wrangler: ChosenWrangler
  /** The section below `env` of the configuration; empty for the top level. */
  environment: string
  /** The Worker's name, for a configuration without one. */
  name?: string
  env: NodeJS.ProcessEnv
  /** Names of further variables that the project's build may see. */
  passVariables: readonly string[]
  timeoutSeconds: number
}

export interface DryRunResult {
  /** The configuration of the environment as wrangler understood it. */
  config: unknown
  /** The multipart body of the upload. */
  form: Buffer
  /** wrangler's warnings, in its own words. */
  warnings: string[]
}

/** Output beyond this is cut: wrangler's errors are at its end. */
const maxOutput = 200_000

/**
 * Bundles a project with `wrangler deploy --dry-run`, which also runs its `build.command`. Nothing is sent anywhere.
 * @throws UsageFault with wrangler's output if it fails, or does not end in time
 */
export async function runWrangler(run: DryRun): Promise<DryRunResult> {
  const folder = await mkdtemp(join(tmpdir(), 'capstan-wrangler-'))
  try {
    const { code, output: written } = await execute(run, folder)
    const output = maskValues(written, proxyPasswords(run.env), '***')
    if (code !== 0) throw new UsageFault(`wrangler ${run.wrangler.version} failed:\n${messageOf(output)}`)
    const [config, form] = await Promise.all([
      readFile(join(folder, 'config.json'), 'utf8'),
      readFile(join(folder, 'form')),
    ])
    return { config: JSON.parse(config), form, warnings: warningsOf(output) }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new UsageFault(`wrangler ${run.wrangler.version} wrote no bundle`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** wrangler's output, without the line about its log, which is deleted with the temporary folder. */
const messageOf = (output: string) => output.replace(/^.*Logs were written to ".*"$/gm, '').trim()

function execute(run: DryRun, folder: string): Promise<{ code: number | null; output: string }> {
  const { project, wrangler, timeoutSeconds } = run
  const child = spawn(
    process.execPath,
    [...nodeArguments(run, folder), wrangler.program, ...argumentsOf(run, folder)],
    {
      cwd: project.folder,
      env: environmentOf(run, folder),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that a build command's programs can be ended with it.
      detached: true,
    },
  )
  let output = ''
  const add = (chunk: Buffer) => {
    output = (output + stripVTControlCharacters(String(chunk))).slice(-maxOutput)
  }
  child.stdout.on('data', add)
  child.stderr.on('data', add)
  return new Promise((resolve, reject) => {
    const stopWatching = endWithThisProcess(child)
    const timer = setTimeout(() => {
      killGroup(child)
      const shown = maskValues(output, proxyPasswords(run.env), '***')
      reject(new UsageFault(`wrangler did not end within ${timeoutSeconds} s:\n${messageOf(shown)}`))
    }, timeoutSeconds * 1000)
    const done = () => {
      clearTimeout(timer)
      stopWatching()
    }
    child.once('error', (error) => {
      done()
      reject(error)
    })
    child.once('close', (code) => {
      done()
      resolve({ code, output })
    })
  })
}

function nodeArguments({ project, environment }: DryRun, folder: string): string[] {
  const writer = pathToFileURL(join(import.meta.dirname, 'write-config.ts'))
  writer.searchParams.set('out', join(folder, 'config.json'))
  writer.searchParams.set('env', environment)
  if (!project.redirected) writer.searchParams.set('config', project.configFile)
  return ['--no-warnings', '--import', writer.href]
}

function argumentsOf({ project, environment, wrangler, name }: DryRun, folder: string): string[] {
  return [
    'deploy',
    '--dry-run',
    `--outfile=${join(folder, 'form')}`,
    `--env=${environment}`,
    // With `-c`, wrangler would ignore the redirection.
    ...(project.redirected ? [] : ['-c', project.configFile]),
    ...(name === undefined ? [] : [`--name=${name}`]),
    ...(canSkipContainers(wrangler.version) ? ['--containers-rollout=none'] : []),
    ...(hasAutoconfig(wrangler.version) ? ['--no-autoconfig'] : []),
  ]
}

/** Variables that programs need to run at all, and those that frameworks put into public files. */
const passedNames =
  /^(PATH|SHELL|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|TERM|SystemRoot|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|JAVA_HOME|GOROOT|GOPATH|CARGO_HOME|RUSTUP_HOME|NVM_DIR|VOLTA_HOME|PNPM_HOME|BUN_INSTALL|VITE_\w+|NEXT_PUBLIC_\w+|NUXT_PUBLIC_\w+|PUBLIC_\w+|REACT_APP_\w+)$/

/**
 * The variables of the dry run. The project's build is code of others, so it gets no credentials, and nothing of this process
 * that changes what wrangler builds.
 */
function environmentOf({ env, passVariables }: DryRun, folder: string): NodeJS.ProcessEnv {
  const passed = Object.entries(env).flatMap(([name, value]) => {
    if (passVariables.includes(name)) return [[name, value]]
    return passedNames.test(name) ? [[name, isProxy(name) ? withoutLogin(value) : value]] : []
  })
  const home = env.HOME ?? homedir()
  return {
    // Rust's tools find their installation in the home folder.
    CARGO_HOME: join(home, '.cargo'),
    RUSTUP_HOME: join(home, '.rustup'),
    ...Object.fromEntries(passed),
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    CI: '1',
    FORCE_COLOR: '0',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_LOG_PATH: join(folder, 'logs'),
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ends the group when this process ends. @returns a function that stops watching */
function endWithThisProcess(child: ChildProcess): () => void {
  const onExit = () => killGroup(child)
  const onSignal = (signal: NodeJS.Signals) => {
    stop()
    killGroup(child)
    process.kill(process.pid, signal)
  }
  const stop = () => {
    process.off('exit', onExit)
    for (const signal of signals) process.off(signal, onSignal)
  }
  process.on('exit', onExit)
  for (const signal of signals) process.on(signal, onSignal)
  return stop
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error
  }
}

/** The blocks of the output that begin with `[WARNING]`, each as lines. */
function warningsOf(output: string): string[] {
  const blocks = output.split(/^(?=\S+ \[(?:WARNING|ERROR)\])/m)
  return blocks
    .filter((block) => /^\S+ \[WARNING\]/.test(block))
    .map((block) => {
      const [first = '', ...rest] = block.split('\n')
      // A block ends where the output is no longer indented.
      const end = rest.findIndex((line) => /^\S/.test(line))
      const lines = [first.replace(/^\S+ \[WARNING\] /, ''), ...(end === -1 ? rest : rest.slice(0, end))]
      return lines
        .map((line) => line.trimEnd())
        .filter((line) => line !== '')
        .join('\n')
    })
}
