import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// Runs inside wrangler's own process, imported before it: when the dry run ends, it writes the configuration as wrangler
// understood it. Loading wrangler a second time for that would take a second. The module's URL carries the arguments, because
// the project's build commands see all variables of the process.

type ReadConfig = (args: { config?: string; env: string }, options: object) => unknown

const [, program = ''] = process.argv
const { out, config, env } = Object.fromEntries(new URL(import.meta.url).searchParams)

process.on('exit', () => {
  if (out === undefined) return
  try {
    const wrangler: { unstable_readConfig: ReadConfig } = createRequire(import.meta.url)(program)
    const args = { env: env ?? '', ...(config === undefined ? {} : { config }) }
    const options = { hideWarnings: true, useRedirectIfAvailable: config === undefined }
    writeFileSync(out, JSON.stringify(wrangler.unstable_readConfig(args, options)))
  } catch {
    // wrangler has reported the error itself, and ends with another code than 0.
  }
})
