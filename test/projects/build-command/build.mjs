import { mkdirSync, writeFileSync } from 'node:fs'

// The test looks for the variables that a build can see.
const seen = JSON.stringify(Object.keys(process.env).sort())
mkdirSync('out', { recursive: true })
writeFileSync('out/worker.js', `export default { fetch: () => Response.json(${seen}) }\n`)
