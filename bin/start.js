import { bundledPrograms } from './bundle.js'
import { checkNode } from './check-node.js'
import { enableCompileCache } from './compile-cache.js'

checkNode().then(async () => {
  enableCompileCache()
  const bundle = bundledPrograms()
  const { start } = await import(bundle === undefined ? '../src/start.ts' : `${bundle}/src/start.js`)
  await start(bundle)
})
