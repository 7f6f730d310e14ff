import type { ApiClient } from '../../../cli/api/client.ts'
import { type Output, plain } from '../../../cli/index.ts'
import { errorMessage } from '../../../platform/thrown.ts'
import { postOnce } from '../console.ts'
import { cancelAnswer } from '../wire.ts'

const signals = ['SIGINT', 'SIGTERM'] as const

/** Cancels a deployment when somebody ends the command, as the runner of a CI job does when the job is cancelled. */
export interface Canceller {
  /**
   * From now on the first signal cancels this deployment, and the command goes on until the deployment has ended. The
   * second signal ends the command.
   * @param started resolves when the service has accepted the deployment: before that, there is nothing to cancel
   */
  watch(deploymentId: string, started: Promise<unknown>): void
  close(): void
}

export function createCanceller(client: ApiClient, out: Output): Canceller {
  let watched: { id: string; started: Promise<unknown> } | undefined
  let isCancelling = false

  async function cancel(id: string, started: Promise<unknown>): Promise<void> {
    await started
    await client.call(cancelAnswer, postOnce(`/deploy/${encodeURIComponent(id)}/cancel`, {}))
  }

  function onSignal(signal: NodeJS.Signals): void {
    if (watched === undefined || isCancelling) {
      close()
      process.kill(process.pid, signal)
      return
    }
    isCancelling = true
    out.warn(`note: ${signal}: cancelling the deployment; a second signal ends this command at once`)
    cancel(watched.id, watched.started).catch((error: unknown) =>
      out.warn(`note: the deployment was not cancelled: ${plain(errorMessage(error))}`),
    )
  }

  function close(): void {
    for (const signal of signals) process.off(signal, onSignal)
  }

  return {
    watch(id, started) {
      if (watched === undefined) for (const signal of signals) process.on(signal, onSignal)
      watched = { id, started }
    },
    close,
  }
}
