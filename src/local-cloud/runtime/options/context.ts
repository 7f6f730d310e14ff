import type { WorkerOptions } from 'miniflare'
import type { Binding } from '../../store/bindings.ts'
import type { StoreNode } from '../groups/nodes.ts'

/** The binding types of which a context finds the target. */
export type BindingOf<T extends Binding['type']> = Extract<Binding, { type: T }>

export interface ObjectTarget {
  className: string
  useSQLite: boolean
  unsafeUniqueKey: string
  /** The Worker with the class, inside Miniflare; undefined for the Worker itself. */
  scriptName?: string
}

export interface ServiceTarget {
  /** The Worker's name inside Miniflare. */
  name: string
  entrypoint?: string
}

/** Says in one sentence why a binding can't be used. */
export interface Missing {
  sentence: string
}

/** What the bindings of one version refer to. */
export interface BindingContext {
  /** The name of the script. */
  script: string
  /** The value of a version_metadata binding. */
  identity: { id: string; tag: string; timestamp: string }
  /** The Worker that serves the version's assets, inside Miniflare; undefined without assets. */
  assets: string | undefined
  /** Begins the lines that Capstan's code inside workerd writes. */
  marker: string
  /** Why a store of data can't be used; undefined if it exists. */
  missingStore(node: StoreNode): Missing | undefined
  objects(binding: BindingOf<'durable_object_namespace'>): ObjectTarget | Missing
  service(binding: BindingOf<'service'>): ServiceTarget | Missing
  /** The Worker that wraps the workflow, inside Miniflare. */
  workflow(binding: BindingOf<'workflow'>): { name: string } | Missing
}

/** The options of Miniflare for the bindings of one subject. */
export type Subject = (bindings: Binding[], context: BindingContext) => WorkerBindings

/** A binding whose value is made by a helper Worker, from constants. */
export interface Wrapped {
  /** The helper's name inside Miniflare. */
  scriptName: string
  bindings: Record<string, string>
}

type NativeBindings = Pick<
  WorkerOptions,
  | 'bindings'
  | 'durableObjects'
  | 'kvNamespaces'
  | 'r2Buckets'
  | 'd1Databases'
  | 'serviceBindings'
  | 'ratelimits'
>

/** The part of a Worker's options that bindings determine: records by the binding's name. */
export type WorkerBindings = Partial<NativeBindings> & { wrappedBindings?: Record<string, Wrapped> }

/** The bindings of the given type. */
export const ofType = <T extends Binding['type']>(bindings: Binding[], type: T): BindingOf<T>[] =>
  bindings.filter((binding): binding is BindingOf<T> => binding.type === type)

/** A record of what `value` returns for each binding, by the binding's name. */
export const byName = <B extends Binding, V>(bindings: B[], value: (binding: B) => V): Record<string, V> =>
  Object.fromEntries(bindings.map((binding) => [binding.name, value(binding)]))
