import { type Output, plain, UsageFault } from '../../../cli/index.ts'
import { changeRows } from '../output/change-rows.ts'
import { checkLine, planLines } from '../output/plan-text.ts'
import type { PrepareRequest } from '../project/request.ts'
import type { PreparedAnswer } from '../wire.ts'
import type { DeployFlags } from './flags.ts'

const formats = ['text', 'json', 'markdown'] as const
type PlanFormat = (typeof formats)[number]

/** The format of `--plan`; undefined without the option. @throws UsageFault for an unknown one */
export function planFormatOf({ plan, json }: Pick<DeployFlags, 'plan' | 'json'>): PlanFormat | undefined {
  if (plan === undefined) return undefined
  if (plan === true) return json ? 'json' : 'text'
  const format = formats.find((each) => each === plan)
  if (format !== undefined) return format
  throw new UsageFault(`--plan has to be ${formats.join(', ')}; write the folder before the option`)
}

/** Prints a plan, and nothing else on standard output. */
export function printPlan(
  out: Output,
  format: PlanFormat,
  { prepared, request }: { prepared: PreparedAnswer; request: PrepareRequest },
): void {
  const lines = format === 'markdown' ? markdownLines(prepared, request) : planLines(prepared, request)
  out.answer(lines, prepared)
}

/** The plan as Markdown, for the comment of a pull request or the summary of a job. */
export function markdownLines(prepared: PreparedAnswer, request: PrepareRequest): string[] {
  const { plan, reversible, estimatedCost, expiresAt } = prepared
  const { config, environment } = request
  const changes = changeRows(prepared, request).map(
    ({ action, kind, name, details }) =>
      `| ${cell(action)} | ${cell(kind)} | ${cell(name)} | ${cell(details)} |`,
  )
  const { source } = config
  const healthCheck = plan.addresses?.healthCheck
  return [
    `## Plan: ${cell(config.appName)} to ${cell(environment)}`,
    '',
    ...(changes.length === 0
      ? ['No changes.']
      : ['| change | what | name | details |', '|---|---|---|---|', ...changes]),
    '',
    ...(source === undefined
      ? []
      : [
          `- Source: ${cell(source.configPath)}, wrangler ${cell(source.version)}${source.gitCommit === undefined ? '' : `, commit ${cell(source.gitCommit.slice(0, 12))}`}`,
        ]),
    `- Reversible: ${reversible.value ? 'yes' : 'no'}`,
    ...reversible.reasons.map((reason) => `  - ${cell(reason)}`),
    ...(healthCheck == null ? [] : [`- Health check: ${cell(healthCheck)}`]),
    ...checkLine(plan.checkBeforeTraffic).map((line) => `- ${cell(line)}`),
    `- Cost: ${estimatedCost.monthly} ${cell(estimatedCost.currency)} a month (estimated)`,
    `- Expires: ${cell(expiresAt)}`,
    `- Digest: ${cell(plan.digest)}`,
  ]
}

/** Text that Markdown shows as it is, in a table, too. */
export const cell = (text: string) => plain(text).replace(/[\\|`*_<>[\]#]/g, '\\$&')
