import { inCommandTerms, plain } from '../../../cli/index.ts'
import { errorCodes } from '../../../platform/error-codes.ts'
import type { StatusAnswer } from '../wire.ts'
import { formatSeconds } from './step-lines.ts'

/**
 * The lines for the end of a deployment: its status, the app's address, and the error with a suggested action.
 * @param options.asked true if the command requested this end, so that an earlier error is not repeated
 * @param options.completed the text for a completed deployment, instead of its duration
 */
export function outcomeLines(
  final: StatusAnswer,
  { asked = false, completed }: { asked?: boolean; completed?: string | undefined } = {},
): string[] {
  const { appName, environment, startTime, endTime } = final.metadata
  const what = `${plain(appName)} (${plain(environment)})`
  const seconds = endTime === null ? undefined : (Date.parse(endTime) - Date.parse(startTime)) / 1000
  const took = seconds === undefined ? '' : ` after ${formatSeconds(seconds)}`
  if (final.status === 'completed') {
    return [
      `${what}: ${completed ?? `completed${took}`}`,
      ...addressLines(final.urls[environment] ?? undefined),
    ]
  }
  if (asked) return [`${what}: ${final.status.replaceAll('_', ' ')}`]
  const { error } = final
  const known = Object.entries(errorCodes).find(([code]) => code === error?.code)
  return [
    `${what}: ${final.status.replaceAll('_', ' ')}${took}`,
    ...(error === null ? [] : [`  ${inCommandTerms(plain(error.message))} [${plain(error.code)}]`]),
    ...(known === undefined ? [] : [`  ${inCommandTerms(known[1].action)}`]),
  ]
}

/** The address, and for the local cloud a curl command: not every machine resolves names below `localhost`. */
function addressLines(url: string | undefined): string[] {
  if (url === undefined || !URL.canParse(url)) return []
  const { host, hostname, port } = new URL(url)
  const lines = [`  ${plain(url)}`]
  if (hostname.endsWith('.localhost')) lines.push(`  curl -H 'Host: ${host}' http://127.0.0.1:${port || 80}/`)
  return lines
}
