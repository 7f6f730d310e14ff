#!/usr/bin/env node
import { checkNode } from './check-node.js'

checkNode().then(() => import('../src/cli.ts'))
