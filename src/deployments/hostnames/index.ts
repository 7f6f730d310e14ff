export { configureHostnames, ownHostnames, withdrawHostnames } from './configure.ts'
export { hostnameShape } from './parse.ts'
export { previewHostnames } from './preview.ts'
export { createZoneApi, type ZoneApi } from './zone-api.ts'
