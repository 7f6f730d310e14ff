export { configureHostnames, ownHostnames, withdrawHostnames } from './configure.ts'
export { inspectHostname } from './inspect.ts'
export { previewHostnames } from './preview.ts'
export { madeHostnames } from './store.ts'
