import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Prompt } from './deps.ts'
import { Declined, Interrupted } from './faults.ts'

interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean }
  output: NodeJS.WritableStream
}

export function terminalPrompt({ input, output }: Terminal): Prompt {
  return {
    interactive: input.isTTY === true,
    ask: (question, options) =>
      new Promise((resolve, reject) => {
        const hidden = options?.hidden === true
        // readline echoes the input to its output: a hidden answer gets an output that discards it.
        const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
        const lines = createInterface({ input, output: hidden ? silent : output, terminal: true })
        let answered = false
        // readline sets the terminal to raw mode, so Ctrl-C sends no signal.
        lines.once('SIGINT', () => {
          reject(new Interrupted('interrupted'))
          lines.close()
        })
        if (hidden) output.write(question)
        lines.once('close', () => {
          if (hidden) output.write('\n')
          if (!answered) reject(new Declined('No answer; nothing was changed.'))
        })
        lines.question(hidden ? '' : question, (answer) => {
          answered = true
          lines.close()
          resolve(answer)
        })
      }),
    async firstLine() {
      const lines = createInterface({ input })
      try {
        for await (const line of lines) return line
        return ''
      } finally {
        lines.close()
      }
    },
  }
}
