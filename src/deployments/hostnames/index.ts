export { configureHostnames, ownHostnames, withdrawHostnames } from './configure.ts'
export { lookAtHostname } from './look.ts'
export { previewHostnames } from './preview.ts'
export { madeHostnames } from './store.ts'
