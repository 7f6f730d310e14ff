import { AsyncLocalStorage } from 'node:async_hooks'
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'

type OnChild = (child: ChildProcess) => void

const observer = new AsyncLocalStorage<OnChild>()
let subscribed = false

/**
 * Runs `work` and tells `onChild` of every process that it, or anything it sets going, spawns, before its pid is
 * known. Miniflare hides its workerd; Node's diagnostics channel shows it, and lets us see its end and kill it when
 * it hangs.
 */
export function observingChildren<T>(onChild: OnChild, work: () => T): T {
  if (!subscribed) {
    subscribed = true
    subscribe('child_process', (message) => {
      observer.getStore()?.((message as { process: ChildProcess }).process)
    })
  }
  return observer.run(onChild, work)
}

/** The kernel counts in hundredths of a second, whatever its own clock does. */
const tickMs = 10

/** How long a process has run on a processor; undefined where that can't be told, as outside of Linux. */
export function cpuMs(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before it may hold anything, spaces and brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * tickMs
  } catch {
    return undefined
  }
}
