import { type Dispatcher, request } from 'undici'
import { z } from 'zod'

const line = z.object({ time: z.string(), level: z.string(), text: z.string() })
const answer = z.object({ result: z.array(line) })

/** A log line of a Worker, or an entry of the runtime about it. */
export type WorkerLine = z.output<typeof line>

/**
 * Reads the last log lines of a script from the local cloud.
 * @returns the lines, oldest first
 * @throws an error of the connection, or one with the status
 */
export async function localLogs(
  cloud: { baseUrl: string; apiToken: string; dispatcher: Dispatcher },
  script: string,
  signal: AbortSignal,
): Promise<WorkerLine[]> {
  const url = new URL(`/capstan/logs/${script}`, cloud.baseUrl)
  const headers = { authorization: `Bearer ${cloud.apiToken}` }
  const response = await request(url, { dispatcher: cloud.dispatcher, headers, signal })
  if (response.statusCode !== 200) {
    await response.body.dump()
    throw new Error(`the local cloud answered ${response.statusCode}`)
  }
  return answer.parse(await response.body.json()).result
}
