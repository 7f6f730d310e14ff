import { AsyncLocalStorage } from 'node:async_hooks'
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'

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
