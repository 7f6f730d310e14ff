import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { SampleService } from './service.ts'

const file = new URL('../../nodes.example.json', import.meta.url)
const samples = z.array(z.object({ name: z.string(), ip: z.string(), pubkey: z.string() }))
const page = z.looseObject({ nodes: z.array(z.looseObject({ name: z.string() })) })

/**
 * Adds the nodes of nodes.example.json. Their addresses are reserved for documentation, so they stay offline.
 * @returns what was added, for the report
 */
export async function seedNodes({ api }: SampleService): Promise<string> {
  const path = '/api/v1/orchestrators'
  const known = await api.call(page, { path, query: { active_only: 'false' } })
  const names = new Set(known.nodes.map(({ name }) => name))
  const missing = samples.parse(JSON.parse(readFileSync(file, 'utf8'))).filter(({ name }) => !names.has(name))
  for (const { name, ip, pubkey } of missing)
    await api.call(z.unknown(), { method: 'POST', path, json: { name, ip_address: ip, pubkey } })
  return `${missing.length} nodes added`
}
