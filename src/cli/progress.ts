/** Progress of long work: a bar on a terminal, otherwise a line at the start and end of each part. */
export interface Progress {
  /** Starts a part; `total` is in bytes. */
  begin(label: string, total: number): void
  at(done: number): void
  /** Ends the part, whether it succeeded or not. */
  end(said: string): void
}

interface Screen {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

/** Redraw interval: often enough to show progress, at no noticeable cost. */
const everyMs = 100
const barWidth = 24

/** @param say takes the plain lines. */
export function createProgress(screen: Screen, say: (line: string) => void): Progress {
  let piece: { label: string; total: number; startedAt: number } | undefined
  let drawnAt = 0

  function draw(done: number): void {
    if (piece === undefined) return
    const { label, total, startedAt } = piece
    const share = total === 0 ? 1 : Math.min(done / total, 1)
    const full = Math.round(share * barWidth)
    const seconds = (Date.now() - startedAt) / 1000
    const rate = seconds > 0.5 ? `  ${megabytes(done / seconds)}/s` : ''
    const bar = `[${'='.repeat(full)}${' '.repeat(barWidth - full)}]`
    const line = `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${label}${rate}`
    screen.write(`\r\x1b[K${line.slice(0, (screen.columns ?? 80) - 1)}`)
  }

  return {
    begin(label, total) {
      piece = { label, total, startedAt: Date.now() }
      drawnAt = 0
      if (screen.isTTY) draw(0)
      else say(`${label} (${megabytes(total)})`)
    },
    at(done) {
      if (!screen.isTTY || Date.now() - drawnAt < everyMs) return
      drawnAt = Date.now()
      draw(done)
    },
    end(said) {
      if (screen.isTTY && piece !== undefined) screen.write('\r\x1b[K')
      piece = undefined
      say(said)
    },
  }
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
