import { readFileSync } from 'node:fs'
import { loadYaml } from '@kubernetes/client-node'
import { expect, test } from 'vitest'

interface Service {
  image: string
  command?: string[]
  environment?: Record<string, string>
  depends_on?: Record<string, unknown>
  ports?: string[]
  volumes?: string[]
  profiles?: string[]
}
interface Compose {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}

const textOf = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
const read = (file: string) => merged(loadYaml(textOf(file))) as Compose
/** With the merge keys of YAML 1.1, which Docker knows and this reader does not. */
function merged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(merged)
  const { '<<': base = {}, ...own } = Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, merged(each)]),
  )
  return { ...(base as object), ...own }
}
/** The names that a file of settings sets or offers. */
const namesIn = (file: string) =>
  [...textOf(file).matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)].map(([, name = '']) => name)
const production = read('docker-compose.prod.yml')

test('the processes of an installation are those of the Procfile', () => {
  const lines = textOf('Procfile').trim().split('\n')
  const processes = Object.fromEntries(lines.map((line) => line.split(': ') as [string, string]))
  for (const name of ['release', 'web', 'worker'])
    expect(production.services[name]?.command?.join(' '), name).toBe(processes[name])
})

test('what it sets are settings, what it asks for is in its example, and no secret is written down', () => {
  const known = namesIn('.env.example')
  const used = [...textOf('docker-compose.prod.yml').matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name)
  const offered = namesIn('.env.prod.example')
  expect(offered).toEqual(expect.arrayContaining([...new Set(used), 'SECRET_KEY', 'ADMIN_PASSWORD']))
  for (const name of offered.filter((each) => !used.includes(each))) expect(known).toContain(name)
  const set = Object.keys(production.services.web?.environment ?? {})
  expect(set).toContain('DATABASE_URL')
  for (const name of set) expect(known).toContain(name)
  const secrets = /password|secret|key|token/i
  for (const { environment = {} } of Object.values(production.services))
    for (const [name, value] of Object.entries(environment))
      if (secrets.test(name)) expect(value).toMatch(/^\$\{/)
})

test('only the proxy can be reached from outside, and it vouches for nobody', () => {
  const open = Object.entries(production.services).filter(([, { ports }]) => ports !== undefined)
  expect(open.map(([name]) => name)).toEqual(['caddy'])
  expect(textOf('deploy/caddy/Caddyfile')).toContain('header_up -X-Authentik-*')
})

test.each(['docker-compose.yml', 'docker-compose.prod.yml'])('%s names what it has', (file) => {
  const { services, volumes } = read(file)
  for (const [name, { depends_on = {}, volumes: mounts = [], ports = [] }] of Object.entries(services)) {
    for (const other of Object.keys(depends_on)) expect(services, name).toHaveProperty(other)
    for (const mount of mounts)
      if (!mount.startsWith('.')) expect(volumes).toHaveProperty([mount.split(':')[0] ?? ''])
    // Databases with well-known passwords are for this machine only.
    if (file === 'docker-compose.yml') for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
  }
})
