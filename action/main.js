// The GitHub Action: runs `capstan deploy` with the inputs of the job. Plain JavaScript without packages, because these are
// installed first.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { install } from './install.js'
import { errorLine, input, maskLine, quoted, writeOutputs } from './runner.js'

const folder = fileURLToPath(new URL('..', import.meta.url))
const say = (text) => process.stdout.write(text)

/** Variables of the job that would change which service and settings the command uses, or that hold the token. */
const withheld = /^(INPUT_|CAPSTAN_|DATA_DIR$)/

function commandEnvironment(env, { url, token }) {
  const others = Object.entries(env).filter(([name]) => !withheld.test(name))
  return {
    ...Object.fromEntries(others),
    ...(env.CAPSTAN_PULL_PASSWORD ? { CAPSTAN_PULL_PASSWORD: env.CAPSTAN_PULL_PASSWORD } : {}),
    CAPSTAN_URL: url,
    CAPSTAN_TOKEN: token,
    // The repository of the job may have a .env of its own.
    CAPSTAN_ENV_FILE: '',
  }
}

/** The words of the command line. They reach no shell, so no input needs quotes. */
function commandWords(env) {
  const app = input('app', env)
  const options = input('options', env)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return [
    'deploy',
    ...['--environment', input('environment', env) || 'staging'],
    ...(app === '' ? [] : ['--app', app]),
    ...(env.GITHUB_STEP_SUMMARY ? ['--summary', env.GITHUB_STEP_SUMMARY] : []),
    ...options,
    ...['--yes', '--json', '--cancel-on-signal'],
    // After --, a path that begins with a dash is a path.
    ...['--', input('path', env) || '.'],
  ]
}

/** Runs the command. Its lines go to the job's log. @returns its exit code and the document that it printed */
async function deploy(env, access) {
  const words = [fileURLToPath(new URL('../bin/capstan.js', import.meta.url)), ...commandWords(env)]
  const child = spawn(process.execPath, words, {
    env: commandEnvironment(env, access),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // The runner sends SIGINT when the job is cancelled, and SIGTERM 7.5 seconds later: the first cancels the deployment.
  const forward = (signal) => child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, forward)
  const endQuotes = quoted(say)
  child.stderr.pipe(process.stdout, { end: false })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part
  })
  const [code] = await once(child, 'close')
  endQuotes()
  return { code: code ?? 1, document: parsed(text) }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

/** The status of a run without a deployment that has ended. */
const statusWithout = (code) => ({ 0: 'planned', 2: 'refused' })[code] ?? 'unknown'

/** @returns the exit code of the step */
async function main(env) {
  const access = { url: input('url', env), token: input('token', env) }
  for (const [name, value] of Object.entries(access)) {
    if (value !== '') continue
    say(errorLine(`The input ${name} is empty`))
    return 2
  }
  say(maskLine(access.token))
  if ((await install(folder, commandEnvironment(env, { url: '', token: '' }), say)) !== 0) {
    say(errorLine('The packages of Capstan could not be installed'))
    return 1
  }
  const { code, document } = await deploy(env, access)
  const { deploymentId = '', status = statusWithout(code), urls = {}, metadata = {}, error } = document
  writeOutputs(
    {
      'deployment-id': deploymentId,
      status,
      url: urls[metadata.environment] ?? '',
      version: metadata.version ?? '',
    },
    env,
  )
  if (code !== 0) say(errorLine(error?.message ?? `The deployment ended as ${status}`))
  return code
}

process.exitCode = await main(process.env)
