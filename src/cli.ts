import { processDeps } from './cli/process-deps.ts'
import { runCommandLine } from './cli/run.ts'
import { areas } from './commands.ts'
import { type Permission, permissions } from './platform/auth.ts'
import { endProcess } from './platform/process/process-end.ts'

/**
 * The permissions of the command line's own token: all that an operation needs. Who can make it can read the database, so
 * it is worth no more than what its user has already.
 */
const scopes: Permission[] = permissions.filter((each) => each !== 'console:admin')

async function makeToken(databaseUrl: string): Promise<string | undefined> {
  const { createLocalToken } = await import('./accounts/index.ts')
  const { createDb } = await import('./platform/postgres/db.ts')
  const db = createDb({ url: databaseUrl, name: 'command', max: 1 })
  try {
    return await createLocalToken(db, { name: 'capstan command line', scopes })
  } finally {
    await db.destroy()
  }
}

async function terminal() {
  const { terminalPrompt } = await import('./cli/prompt.ts')
  return terminalPrompt({ input: process.stdin, output: process.stderr })
}

const ask = async (question: string, options?: { hidden: boolean }) =>
  (await terminal()).ask(question, options)
const firstLine = async () => (await terminal()).firstLine()

let addressNote: string | undefined

/** Reads the settings of `.env` if the file belongs to Capstan: any project may have a file of that name. */
async function prepare(): Promise<void> {
  const { addSettings, readEnvFile } = await import('./platform/config/env-file.ts')
  const { settingWarnings } = await import('./platform/config/unknown-settings.ts')
  const { knownSettings } = await import('./config.ts')
  const { chooseSettings, ignoredAddress } = await import('./platform/installation/index.ts')
  const options = { env: process.env, known: knownSettings }
  const file = readEnvFile(process.env, { choose: (found) => chooseSettings(found, options) })
  addressNote = ignoredAddress(file, process.env)
  addSettings(process.env, file)
  for (const warning of settingWarnings(process.env, file, knownSettings))
    process.stderr.write(`warning: ${warning}\n`)
}

await runCommandLine(process.argv.slice(2), areas, {
  ...processDeps({ ask, firstLine, makeToken, serviceNote: () => addressNote }),
  prepare,
})
endProcess(Number(process.exitCode ?? 0))
