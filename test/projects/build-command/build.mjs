import { mkdirSync, writeFileSync } from 'node:fs'

mkdirSync('out', { recursive: true })
// The test looks for the variables that a build can see.
writeFileSync('out/seen.json', JSON.stringify(Object.keys(process.env)))
writeFileSync('out/worker.js', `export default { fetch: () => Response.json({ report: 'empty' }) }\n`)
