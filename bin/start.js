import { checkNode } from './check-node.js'

checkNode().then(() => import('../src/start.ts'))
