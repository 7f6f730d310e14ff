import { InvalidArgumentError } from 'commander'
import { UsageFault } from '../../../cli/index.ts'
import type { ContainerFlags } from '../project/container-flags.ts'
import type { HealthFlags } from '../project/health-flags.ts'
import type { WranglerFlags } from './wrangler-options.ts'

/** The options of `capstan deploy`, as commander gives them. */
export interface DeployFlags extends ContainerFlags, HealthFlags, WranglerFlags {
  app?: string
  environment?: string
  do?: string[]
  var?: string[]
  secret?: string[]
  deleteSecret?: string[]
  workersDev?: boolean
  previewUrls?: boolean
  maxRetries?: number
  rollback: boolean
  dryRun?: boolean
  force?: boolean
  /** A format, or true for `--plan` alone. */
  plan?: string | true
  replan?: boolean
  /** The shares of traffic, and the time between them in seconds. */
  traffic?: number[]
  every?: number
  /** A file to which the plan and the outcome are appended as Markdown. */
  summary?: string
  cancelOnSignal?: boolean
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
        '--secret takes a name only; its value is read from the environment variable of that name or prompted for',
      )
    }
  }
  return names
}

/** For `--traffic`: shares of traffic in percent that rise to 100, like `10,50,100`. */
export function trafficSteps(text: string): number[] {
  const steps = text.split(',').map((part) => (/^\d{1,3}$/.test(part.trim()) ? Number(part) : Number.NaN))
  const rises = steps.every((step, at) => step > (steps[at - 1] ?? 0))
  if (rises && steps.at(-1) === 100) return steps
  throw new InvalidArgumentError('Expected rising shares in percent that end with 100, like 10,50,100.')
}

const units: Record<string, number> = { s: 1, m: 60, h: 3600 }

/** For `--every`: a time like `90s`, `10m` or `1h`. @returns seconds */
export function duration(text: string): number {
  const [, count = '', unit = 's'] = /^(\d{1,5})([smh])?$/.exec(text) ?? []
  const seconds = Number(count) * (units[unit] ?? 1)
  if (count !== '' && seconds >= 1 && seconds <= 86_400) return seconds
  throw new InvalidArgumentError('Expected a time of at most 24 hours, like 90s, 10m or 1h.')
}
