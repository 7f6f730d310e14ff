import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const entry = `
import note from './note.txt'
import { Counter } from './objects/counter.js'
export { Counter }
export default {
  async fetch(request, env) {
    const count = await env.COUNTER.get(env.COUNTER.idFromName('one')).next()
    return new Response([note.trim(), env.GREETING, env.KEY ?? 'no-key', count].join(' '))
  },
}`

const counter = `
import { DurableObject } from 'cloudflare:workers'
export class Counter extends DurableObject {
  async next() {
    const count = ((await this.ctx.storage.get('count')) ?? 0) + 1
    await this.ctx.storage.put('count', count)
    return count
  }
}`

const config = {
  name: 'shop',
  main: 'src/index.js',
  compatibility_date: '2026-01-01',
  // The modules are uploaded separately, not as one bundle.
  no_bundle: true,
  find_additional_modules: true,
  rules: [
    { type: 'ESModule', globs: ['**/*.js'] },
    { type: 'Text', globs: ['**/*.txt'], fallthrough: true },
  ],
  vars: { GREETING: 'hello' },
  durable_objects: { bindings: [{ name: 'COUNTER', class_name: 'Counter' }] },
  migrations: [{ tag: 'v1', new_sqlite_classes: ['Counter'] }],
}

/** A wrangler project with several modules, a Durable Object, a variable and a Worker that reads a secret. */
export function writeProject(directory: string) {
  mkdirSync(join(directory, 'src', 'objects'), { recursive: true })
  const write = (name: string, content: string) => writeFileSync(join(directory, name), content)
  write('src/index.js', entry)
  write('src/objects/counter.js', counter)
  write('src/note.txt', 'note-one\n')
  write('wrangler.json', JSON.stringify(config))
  return {
    note: (text: string) => write('src/note.txt', `${text}\n`),
    entry: (content: string) => write('src/index.js', content),
    source: entry,
    /** Adds a container with this image to the class. */
    contain(image: string) {
      const containers = [{ class_name: 'Counter', image, max_instances: 2 }]
      write('wrangler.json', JSON.stringify({ ...config, containers }))
    },
    /** Adds a class and the migration that creates it. */
    migrate() {
      write('src/index.js', `${entry}\nexport class More {}`)
      const migrations = [...config.migrations, { tag: 'v2', new_sqlite_classes: ['More'] }]
      write('wrangler.json', JSON.stringify({ ...config, migrations }))
    },
  }
}
