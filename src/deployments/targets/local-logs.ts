import { type Dispatcher, request } from 'undici'
import { z } from 'zod'

const line = z.object({ time: z.string(), level: z.string(), text: z.string() })
const answer = z.object({ result: z.array(line) })

/** What a Worker wrote, or what was written about it. */
export type WorkerLine = z.output<typeof line>

/**
 * Asks the local cloud for a script's last lines.
 * @returns oldest first
 * @throws the error of the connection, or one that names the status
 */
export async function localLogs(
  at: { baseUrl: string; apiToken: string; dispatcher: Dispatcher },
  script: string,
  signal: AbortSignal,
): Promise<WorkerLine[]> {
  const url = new URL(`/capstan/logs/${script}`, at.baseUrl)
  const headers = { authorization: `Bearer ${at.apiToken}` }
  const response = await request(url, { dispatcher: at.dispatcher, headers, signal })
  if (response.statusCode !== 200) {
    await response.body.dump()
    throw new Error(`the local cloud answered ${response.statusCode}`)
  }
  return answer.parse(await response.body.json()).result
}
