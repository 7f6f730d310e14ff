import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildDocument } from './openapi/document.ts'
import { projectRoot, textOf } from './openapi/file.ts'
import { withRoutes } from './openapi/routes.ts'

/** Writes `openapi.json` from the routes: `npm run openapi`. With `--release` also `openapi.released.json`. */
const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'))
const text = await withRoutes(async (table) => textOf(await buildDocument({ ...table, version })))
writeFileSync(join(projectRoot, 'openapi.json'), text)
if (process.argv.includes('--release')) writeFileSync(join(projectRoot, 'openapi.released.json'), text)
