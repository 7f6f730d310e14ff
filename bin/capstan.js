#!/usr/bin/env node
import { checkNode } from './check-node.js'
import { enableCompileCache } from './compile-cache.js'

checkNode().then(() => {
  enableCompileCache()
  return import('../src/cli.ts')
})
