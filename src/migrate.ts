import { ensureFirstAdmin } from './accounts/index.ts'
import { processSettings } from './config.ts'
import { requireDatabaseUrl, requireDirectDatabaseUrl } from './platform/config/index.ts'
import { ConfigError } from './platform/errors.ts'
import { createLogger } from './platform/logging/logging.ts'
import { maskSecrets } from './platform/logging/redact.ts'
import { createDb, migrateUp } from './platform/postgres/db.ts'
import { isDatabaseUnavailable } from './platform/postgres/index.ts'
import { runMain } from './platform/process/main.ts'
import { endProcess } from './platform/process/process-end.ts'
import { isSupervised } from './platform/process/supervised.ts'
import { migrateQueues } from './platform/queues/index.ts'
import { errorCode, errorMessage } from './platform/thrown.ts'

/** Migrates Capstan's schema, then the queue library's, creates the first administrator, and exits. */
async function main(): Promise<void> {
  const { config, warn } = processSettings(process.env, isSupervised())
  const databaseUrl = requireDatabaseUrl(config)
  const directUrl = requireDirectDatabaseUrl(config)
  await migrateUp(directUrl)
  if (config.redisUrl === undefined) await migrateQueues(directUrl)
  const db = createDb({ url: databaseUrl, name: 'migrate', max: 2 })
  const log = createLogger({ level: config.logLevel, format: config.logFormat, process: 'migrate' })
  warn(log)
  try {
    const { admin, embedded, rateLimits } = config
    const first = await ensureFirstAdmin({ db, admin, rateLimit: rateLimits.admin, embedded, log })
    if (first.created && first.generatedPassword !== undefined) {
      // The password is shown once and stored nowhere; log lines never contain it.
      console.log(
        `\nSign in at ${config.publicUrl}/login as ${config.admin.username} with ${first.generatedPassword}\n`,
      )
    }
  } finally {
    await db.destroy()
  }
}

// SQLSTATE codes of a wrong password and of a database that does not exist.
const refusedConnectionCodes = new Set(['28P01', '28000', '3D000'])

/** Turns an unusable database into a one-line message: most faults of DATABASE_URL first occur here. */
function explain(error: unknown): never {
  const code = errorCode(error) ?? ''
  const message = errorMessage(error)
  if (!isDatabaseUnavailable(error) && !refusedConnectionCodes.has(code)) throw error
  throw new ConfigError([`DATABASE_URL: the database can't be used: ${maskSecrets(message || code)}`])
}

runMain(() =>
  main()
    .catch(explain)
    .then(() => endProcess(0)),
)
