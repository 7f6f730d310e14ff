export const slug = (path) => `slug ${path}`
