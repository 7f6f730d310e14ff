// For `node --import ./bin/require-node.js <entry>.ts`: one clear line under a Node that can't run TypeScript.
import { checkNode } from './check-node.js'

await checkNode()
