import { createHash } from 'node:crypto'
import { greeting } from 'greeting'
import add from './add.wasm'
import help from './help.md'
import schema from './schema.sql'

declare const VERSION: string

export default {
  async fetch(): Promise<Response> {
    const { exports } = await WebAssembly.instantiate(add)
    const sum = (exports.add as (a: number, b: number) => number)(2, 3)
    const digest = createHash('sha256').update(schema).digest('hex')
    return new Response([greeting, VERSION, sum, help.length, digest].join('\n'))
  },
}
