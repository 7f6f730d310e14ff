import { type Found, judge } from './entries.ts'
import { readPythonLiteral } from './python-literal.ts'

/** The file as a whole is not in the expected format. The message is shown to the user. */
class UnreadableSource extends Error {
  override name = 'UsageFault'
}

/** An array of `{name, ip, pubkey?, rpc_port?}`, or an object `{ip: {name, pubkey?}}`. @throws UnreadableSource */
export function fromJson(text: string): Found {
  let parsed: unknown
  try {
    // Some editors write a byte order mark.
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    throw new UnreadableSource('the file is not well-formed JSON')
  }
  if (Array.isArray(parsed)) {
    return judge(parsed.map((value, index) => ({ where: `entry ${index + 1}`, value })))
  }
  if (typeof parsed !== 'object' || parsed === null)
    throw new UnreadableSource('expected an array or an object of nodes')
  return byAddress(Object.entries(parsed))
}

/** The dictionary `PILLAR_MAPPING` of a Python file, which is parsed and never executed. @throws UnreadableSource */
export function fromMappingFile(text: string): Found {
  const read = readPythonLiteral(text, 'PILLAR_MAPPING')
  if ('fault' in read) throw new UnreadableSource(read.fault)
  if (!(read.value instanceof Map)) throw new UnreadableSource('PILLAR_MAPPING is not a dictionary')
  return byAddress(
    [...read.value].map(([ip, input]) => [
      String(ip),
      input instanceof Map ? Object.fromEntries(input) : input,
    ]),
  )
}

/** `ORCHESTRATOR_IP_<n>`, with `ORCHESTRATOR_NAME_<n>` (default `Node-<n>`) and `ORCHESTRATOR_PUBKEY_<n>`. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Found {
  const numbers = Object.keys(env)
    .flatMap((name) => /^ORCHESTRATOR_IP_(\d{1,4})$/.exec(name)?.[1] ?? [])
    .filter((n) => env[`ORCHESTRATOR_IP_${n}`])
    .toSorted((a, b) => Number(a) - Number(b))
  return judge(
    numbers.map((n) => ({
      where: `ORCHESTRATOR_IP_${n}`,
      value: {
        ip: env[`ORCHESTRATOR_IP_${n}`],
        name: env[`ORCHESTRATOR_NAME_${n}`] || `Node-${n}`,
        pubkey: env[`ORCHESTRATOR_PUBKEY_${n}`] || null,
      },
    })),
  )
}

function byAddress(entries: [string, unknown][]): Found {
  return judge(
    entries.map(([ip, input]) => ({
      where: ip.slice(0, 100),
      value: typeof input === 'object' && input !== null && !Array.isArray(input) ? { ip, ...input } : input,
    })),
  )
}
