import { defaultCompatibility } from '../../model/plan.ts'

/** The files of a small Worker, by name. */
export function newWorker(app: string): Record<string, string> {
  return { 'wrangler.jsonc': configFor(app), 'src/index.js': worker, '.gitignore': ignored }
}

const configFor = (app: string) => `{
  "name": "${app}",
  "main": "src/index.js",
  "compatibility_date": "${defaultCompatibility.date}",
  "observability": { "enabled": true },
  "vars": { "GREETING": "Hello" }
}
`

const worker = `export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/') return new Response(\`\${env.GREETING}\\n\`)
    return new Response('Not found\\n', { status: 404 })
  },
}
`

const ignored = `node_modules/
.wrangler/
.dev.vars*
.env*
`
