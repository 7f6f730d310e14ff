import { AsyncLocalStorage } from 'node:async_hooks'
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'

type OnChild = (child: ChildProcess) => void

const observer = new AsyncLocalStorage<OnChild>()
let subscribed = false

/**
 * Runs `work` and calls `onChild` for every process that `work`, or asynchronous work it starts, spawns; the pid is not
 * set yet at that time. Miniflare does not expose its workerd process. Node's diagnostics channel does, so that its exit
 * can be observed and a hanging process killed.
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
