import type { WorkerOptions } from 'miniflare'
import { isAbsent, typeOf } from '../../store/bindings.ts'
import { appName } from '../gate.ts'
import { byName, type Subject, type Wrapped } from './context.ts'

const absentName = () => appName('absent')

/**
 * A value that throws when the app uses it. Symbols and `then` are exceptions, because code that only inspects or
 * returns the value reads them.
 */
const script = `
export default ({ SENTENCE }) => {
  const fail = () => { throw new Error(SENTENCE) }
  const get = (_, name) => (typeof name === 'symbol' || name === 'then' || name === 'toJSON' ? undefined : fail())
  return new Proxy({}, { get, set: fail })
}`

/** The helper Worker behind all bindings that can't be used. */
export const absentWorker = (): WorkerOptions => ({ name: absentName(), modules: true, script })

/** A binding that throws the sentence when the app uses it. */
export const absentBinding = (sentence: string): Wrapped => ({
  scriptName: absentName(),
  bindings: { SENTENCE: sentence },
})

/** Bindings of types that this cloud cannot run. */
export const absentBindings: Subject = (bindings) => ({
  wrappedBindings: byName(bindings.filter(isAbsent), (binding) =>
    absentBinding(`The binding ${binding.name} of type ${typeOf(binding)} does not work in the local cloud.`),
  ),
})
