import { UsageFault } from '../../cli/index.ts'
import type { ContainerFlags } from './project/container-flags.ts'

/** The options of `capstan deploy`, as commander gives them. */
export interface DeployFlags extends ContainerFlags {
  app?: string
  environment?: string
  do?: string[]
  var?: string[]
  secret?: string[]
  deleteSecret?: string[]
  workersDev?: boolean
  previewUrls?: boolean
  health?: string
  timeout?: number
  maxRetries?: number
  rollback: boolean
  dryRun?: boolean
  force?: boolean
  yes?: boolean
  json?: boolean
}

/** Parses the `NAME=VALUE` pairs of `--var`. @throws UsageFault, without the value */
export function variablesOf(flags: Pick<DeployFlags, 'var'>): Record<string, string> {
  return Object.fromEntries(
    (flags.var ?? []).map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw new UsageFault('--var has to be NAME=VALUE')
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

/** The names of `--secret`. Values are refused: every user of the machine can read them, and shells store them. */
export function secretNamesOf(flags: Pick<DeployFlags, 'secret'>): string[] {
  const names = flags.secret ?? []
  for (const name of names) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new UsageFault(
        '--secret takes a name only; its value is read from the environment variable of that name or asked for',
      )
    }
  }
  return names
}
