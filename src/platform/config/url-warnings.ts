import { ignoredPostgresOptions } from '../postgres/address.ts'
import { ignoredRedisOptions } from '../redis/address.ts'

const readers = {
  DATABASE_URL: ignoredPostgresOptions,
  DATABASE_DIRECT_URL: ignoredPostgresOptions,
  REDIS_URL: ignoredRedisOptions,
}

/** One line for each valid URL with options that have no effect; never a value. */
export function urlWarnings(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(readers).flatMap(([name, ignoredOptions]) => {
    const names = env[name] === undefined ? [] : ignoredOptions(env[name])
    if (names.length === 0) return []
    const [options, have] = names.length === 1 ? ['the option', 'has'] : ['the options', 'have']
    return [`${name}: ${options} ${names.join(', ')} ${have} no effect`]
  })
}
