import type { LineOrigin } from './lines.ts'

/** One line that a Worker wrote, or that describes a fault of the Worker. */
export interface WorkerLine {
  /** ISO 8601. */
  time: string
  /** `debug`, `info`, `log`, `warn` or `error`; an uncaught exception is an error. */
  level: string
  /** An uncaught exception has its stack on the lines below its message. */
  text: string
}

interface NewLine {
  level: string
  text: string
  origin: LineOrigin
  now: Date
}

interface KeptLine extends WorkerLine {
  bytes: number
  /** `Uncaught Name: message` up to a NUL, equal in all reports of one exception; undefined for any other line. */
  title: string | undefined
  /** 0: workerd's own line, or output. 1: reported by the tail Worker without a stack. 2: with the stack. */
  detail: 0 | 1 | 2
}

const maxLines = 1000
const maxBytes = 1024 ** 2
const maxCharacters = 8000
/** Bytes counted for each line in addition to its text. */
const overheadBytes = 100
/** The reports of one exception arrive within this time; 0.3 s were measured on a busy machine. */
const pairingMs = 5000

/** The last lines of one script: at most 1,000, and 1 MiB of UTF-8. */
export class ScriptLog {
  private kept: KeptLine[] = []
  private bytes = 0

  /** Adds a line. Keeps only the most detailed report of an uncaught exception. */
  add(line: NewLine): void {
    const added = keptLine(line)
    const reports = this.reportsOf(added.title, line.now.getTime() - pairingMs)
    if (reports.some(({ detail }) => detail > added.detail)) return
    const [first, ...others] = reports.filter(({ detail }) => detail < added.detail)
    if (first === undefined) this.kept.push(added)
    else {
      const rest = this.kept.filter((each) => !others.includes(each))
      this.kept = rest.map((each) => (each === first ? { ...added, time: first.time } : each))
    }
    this.bytes += added.bytes - sizeOf(first === undefined ? [] : [first, ...others])
    while (this.kept.length > maxLines || this.bytes > maxBytes) this.bytes -= this.kept.shift()?.bytes ?? 0
  }

  private reportsOf(title: string | undefined, since: number): KeptLine[] {
    if (title === undefined) return []
    return this.kept.filter((each) => each.title === title && Date.parse(each.time) >= since)
  }

  /** The kept lines, oldest first. */
  lines(): WorkerLine[] {
    return this.kept.map(({ time, level, text }) => ({ time, level, text }))
  }
}

function keptLine({ level, text, origin, now }: NewLine): KeptLine {
  const cut = text.length > maxCharacters ? copyOfStart(text) : text
  const [head = '', ...stack] = cut.split(/\n {4}at /)
  // workerd's own line ends at a NUL of the message; the report of the tail Worker does not.
  const [title] = origin === 'exception' || cut.startsWith('Uncaught ') ? head.split('\0') : []
  const detail = origin === 'output' ? 0 : stack.length === 0 ? 1 : 2
  const bytes = Buffer.byteLength(cut) + overheadBytes
  return { time: now.toISOString(), level, text: cut, title, detail, bytes }
}

const sizeOf = (lines: KeptLine[]) => lines.reduce((sum, { bytes }) => sum + bytes, 0)

/** Copies the beginning of a text; a slice would keep the whole text in memory. */
const copyOfStart = (text: string) => Buffer.from(text.slice(0, maxCharacters)).toString()
