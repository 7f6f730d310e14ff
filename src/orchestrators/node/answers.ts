import { z } from 'zod'
import { truncate } from '../../platform/postgres/storable-text.ts'
import { type Network, networkNames, networks } from './networks.ts'

/** One network as a node sees it now. Wraps and unwraps are gauges: the numbers of requests that wait for a signature. */
export interface NetworkReading {
  wraps: number
  unwraps: number
  wrapsHash: string | null
  unwrapsHash: string | null
  height: number | null
}

export interface NodeStatus {
  state: number | null
  momentum: number | null
  networks: Partial<Record<Network, NetworkReading>>
  /** The answer without the numbers that change all the time, for what has no column of its own. */
  unchanging: unknown
}

export interface NodeIdentity {
  pillarName: string | null
  producerAddress: string | null
  pubkey: string | null
}

// Nodes are not trusted: their texts must fit the columns and must not contain control characters.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression removes them
const controls = /[\u0000-\u001f\u007f-\u009f]/g
const clean = (max: number) => (text: string) =>
  // PostgreSQL refuses half of a surrogate pair, whether the node sent it or the cut made it.
  truncate(text.replace(controls, ' ').trim(), max).toWellFormed()
const text = z.string().transform(clean(100)).nullish().catch(null)
const count = z.int().min(0).max(0xffff_ffff).nullish()

const network = z.looseObject({
  wrapsToSign: count,
  unwrapsToSign: count,
  wrapsHash: text,
  unwrapsHash: text,
  latestUpdateHeight: z.int().min(0).nullish(),
})
const status = z.looseObject({
  state: z.int().min(0).max(255).nullish(),
  frontierMomentum: z.int().min(0).nullish(),
  networks: z.record(z.string(), network).nullish(),
})
const identity = z.looseObject({
  pillarName: text,
  producer: text,
  tssPeerPubKey: text,
})

const envelope = z.looseObject({ result: z.unknown(), error: z.string().nullish() })

export type Parsed<T> = { kind: 'ok'; value: T } | { kind: 'error'; text: string } | { kind: 'malformed' }

/** Opens the envelope `{result, error}`: a text in `error` is a failure, whatever `result` holds. */
export function openEnvelope(body: string): Parsed<unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return { kind: 'malformed' }
  }
  const opened = envelope.safeParse(parsed)
  if (!opened.success) return { kind: 'malformed' }
  const { result, error } = opened.data
  if (error) return { kind: 'error', text: clean(200)(error) || 'unknown' }
  return { kind: 'ok', value: result }
}

export function readStatus(result: unknown): Parsed<NodeStatus> {
  const parsed = status.safeParse(result)
  if (!parsed.success) return { kind: 'malformed' }
  const { data } = parsed
  const readings: NodeStatus['networks'] = {}
  for (const [name, each] of Object.entries(data.networks ?? {})) {
    const key = Object.hasOwn(networkNames, name) ? networkNames[name] : undefined
    if (key === undefined || readings[key] !== undefined) continue
    readings[key] = {
      wraps: each.wrapsToSign ?? 0,
      unwraps: each.unwrapsToSign ?? 0,
      wrapsHash: each.wrapsHash ?? null,
      unwrapsHash: each.unwrapsHash ?? null,
      height: each.latestUpdateHeight ?? null,
    }
  }
  const value = { state: data.state ?? null, momentum: data.frontierMomentum ?? null, networks: readings }
  return { kind: 'ok', value: { ...value, unchanging: withoutMoving(data) } }
}

export function readIdentity(result: unknown): Parsed<NodeIdentity> {
  const parsed = identity.safeParse(result)
  if (!parsed.success) return { kind: 'malformed' }
  const { pillarName = null, producer = null, tssPeerPubKey = null } = parsed.data
  return { kind: 'ok', value: { pillarName, producerAddress: producer, pubkey: tssPeerPubKey } }
}

const moving = ['wrapsToSign', 'unwrapsToSign', 'wrapsHash', 'unwrapsHash', 'latestUpdateHeight']

function withoutMoving(data: z.output<typeof status>): unknown {
  const { frontierMomentum: _, networks: given, ...rest } = data
  if (given == null) return rest
  const still = Object.entries(given).map(([name, each]) => [
    name,
    Object.fromEntries(Object.entries(each).filter(([key]) => !moving.includes(key))),
  ])
  return { ...rest, networks: Object.fromEntries(still) }
}

/** The networks that the node named, in the order of `networks`. */
export const readingsOf = (status: NodeStatus) =>
  networks.flatMap((name) => {
    const reading = status.networks[name]
    return reading === undefined ? [] : [{ name, reading }]
  })
